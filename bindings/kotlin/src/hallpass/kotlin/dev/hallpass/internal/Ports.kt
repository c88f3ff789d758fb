package dev.hallpass.internal

import dev.hallpass.UserCode
import dev.hallpass.ffi.BrowserFailure
import dev.hallpass.ffi.CodeDisplay
import dev.hallpass.ffi.DisplayFailure
import dev.hallpass.ffi.SignerFailure
import dev.hallpass.ffi.StoreFailure
import dev.hallpass.ffi.TransportFailure
import dev.hallpass.ports.Browser
import dev.hallpass.ports.BrowserException
import dev.hallpass.ports.BrowserProblem
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.HttpRequest
import dev.hallpass.ports.KeySigner
import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.SignerException
import dev.hallpass.ports.StoreException
import dev.hallpass.ports.Transport
import dev.hallpass.ports.TransportException
import kotlinx.coroutines.CancellationException
import dev.hallpass.ffi.Browser as CoreBrowser
import dev.hallpass.ffi.BrowserProblem as CoreBrowserProblem
import dev.hallpass.ffi.HttpHeader as CoreHeader
import dev.hallpass.ffi.HttpRequest as CoreRequest
import dev.hallpass.ffi.HttpResponse as CoreResponse
import dev.hallpass.ffi.KeySigner as CoreSigner
import dev.hallpass.ffi.SecureStore as CoreStore
import dev.hallpass.ffi.Transport as CoreTransport
import dev.hallpass.ffi.UserCode as CoreUserCode

// An app's ports as the core sees them. Whatever they throw is turned into an error that the core knows here: what falls
// through to the generated code would be told to it as text.

internal class ForeignStore(private val store: SecureStore) : CoreStore {
    override fun identity(): String = told { store.identity }

    override suspend fun load(name: String): String? = told { store.load(name) }

    override suspend fun save(name: String, value: String): Unit = told { store.save(name, value) }

    override suspend fun delete(name: String): Unit = told { store.delete(name) }

    override suspend fun list(): List<String> = told { store.list() }

    private inline fun <T> told(work: () -> T): T =
        rethrown(work) { error ->
            when (error) {
                is StoreException.Locked -> StoreFailure.Locked()
                is StoreException.Invalidated -> StoreFailure.Invalidated()
                else -> StoreFailure.Failed()
            }
        }
}

internal class ForeignSigner(private val signer: KeySigner) : CoreSigner {
    override fun identity(): String = told { signer.identity }

    override suspend fun publicKey(): ByteArray = told { signer.publicKey() }

    override suspend fun sign(message: ByteArray): ByteArray = told { signer.sign(message) }

    override suspend fun delete(): Unit = told { signer.delete() }

    private inline fun <T> told(work: () -> T): T =
        rethrown(work) { error ->
            when (error) {
                is SignerException.Locked -> SignerFailure.Locked()
                is SignerException.Invalidated -> SignerFailure.Invalidated()
                else -> SignerFailure.Failed()
            }
        }
}

internal class ForeignTransport(private val transport: Transport) : CoreTransport {
    override suspend fun send(request: CoreRequest): CoreResponse =
        rethrown({
            val response = transport.send(request.toPublic())
            require(response.status in STATUSES) { "no status of HTTP" }
            CoreResponse(response.status.toUShort(), response.headers.toCore(), response.body)
        }) { error ->
            when (error) {
                is TransportException.Unreachable -> TransportFailure.Unreachable()
                is TransportException.Tls -> TransportFailure.Tls()
                is TransportException.TooLarge -> TransportFailure.TooLarge()
                is TransportException.InvalidRequest -> TransportFailure.InvalidRequest()
                // The one that is right whatever happened: the server may have acted.
                else -> TransportFailure.NoAnswer()
            }
        }

    private companion object {
        /** What is no status is no answer. */
        val STATUSES = 100..599
    }

    private fun CoreRequest.toPublic() = HttpRequest(
        method,
        url,
        headers.map { HttpHeader(it.name, it.value) },
        body,
        maxResponseBytes.coerceAtMost(Long.MAX_VALUE.toULong()).toLong(),
    )
}

internal class ForeignBrowser(private val browser: Browser) : CoreBrowser {
    override suspend fun open(url: String, redirectUri: String): String =
        rethrown({ browser.open(url, redirectUri) }) { error ->
            when (error) {
                is BrowserException.Cancelled -> BrowserFailure.Cancelled()
                is BrowserException.RedirectNotAssociated -> BrowserFailure.RedirectUri()
                is BrowserException.Failed -> BrowserFailure.Failed(error.problem.toCore())
                else -> BrowserFailure.Failed(CoreBrowserProblem.OTHER)
            }
        }

    private fun BrowserProblem.toCore(): CoreBrowserProblem = when (this) {
        BrowserProblem.NoBrowser -> CoreBrowserProblem.NO_BROWSER
        BrowserProblem.NoneAllowed -> CoreBrowserProblem.NONE_ALLOWED
        BrowserProblem.NoneEphemeral -> CoreBrowserProblem.NONE_EPHEMERAL
        BrowserProblem.KeepsAppLinks -> CoreBrowserProblem.KEEPS_APP_LINKS
        BrowserProblem.NotShown -> CoreBrowserProblem.NOT_SHOWN
        BrowserProblem.NotDeclared -> CoreBrowserProblem.NOT_DECLARED
        BrowserProblem.AnotherUrl -> CoreBrowserProblem.ANOTHER_URL
        BrowserProblem.Other -> CoreBrowserProblem.OTHER
    }
}

/** What it throws is ignored: the login goes on until the code is over. */
internal class ForeignDisplay(private val show: (UserCode) -> Unit) : CodeDisplay {
    override fun show(code: CoreUserCode): Unit = rethrown({ show(code.toPublic()) }) { DisplayFailure.Failed() }
}

internal fun List<HttpHeader>.toCore(): List<CoreHeader> = map { CoreHeader(it.name, it.value) }

private inline fun <T> rethrown(work: () -> T, failure: (Throwable) -> Exception): T =
    try {
        work()
    } catch (cancelled: CancellationException) {
        throw cancelled
    } catch (@Suppress("TooGenericExceptionCaught") error: Throwable) {
        throw failure(error)
    }
