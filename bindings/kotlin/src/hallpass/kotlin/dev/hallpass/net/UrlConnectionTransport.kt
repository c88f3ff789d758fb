package dev.hallpass.net

import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.HttpRequest
import dev.hallpass.ports.HttpResponse
import dev.hallpass.ports.Transport
import dev.hallpass.ports.TransportException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withTimeout
import java.io.IOException
import java.io.InputStream
import java.net.HttpRetryException
import java.net.HttpURLConnection
import java.net.MalformedURLException
import java.net.ProtocolException
import java.net.URL
import java.net.UnknownServiceException
import javax.net.ssl.SSLException
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The platform's own HTTP stack. On Android it honours the Network Security Config and the user's and the enterprise's
 * certificate authorities, and reuses connections.
 *
 * Each request is sent once: a body is handed over in one piece of known length, because these stacks otherwise repeat a
 * POST by themselves when a kept connection turns out to be closed, and a repeated token request can end a session.
 *
 * On a JVM that is not Android's, the stack knows no `PATCH`, and hides the body of a 401 that answers such a piece, unless
 * the JVM was started with `-Dsun.net.http.retryPost=false`: then it repeats no POST, and a body need not be handed over so.
 * The core's own transport is the default there.
 *
 * Cookies: both stacks send what the app has given to `java.net.CookieHandler.setDefault`, if anything, and there is no way to
 * keep one connection out of it. An app that sets one has to keep its authorization server out of it, or use another transport.
 *
 * @param connectTimeout how long to wait for a connection, its TLS handshake included
 * @param timeout how long a whole exchange may take
 * @param dispatcher where the blocking work is done
 * @param userAgent the name that requests carry which have none; the platform's own unless given
 * @param permitsCleartext whether the platform lets this app send plain HTTP to a host
 */
public class UrlConnectionTransport(
    private val connectTimeout: Duration = 10.seconds,
    private val timeout: Duration = 30.seconds,
    dispatcher: CoroutineDispatcher = Dispatchers.IO,
    private val userAgent: String? = null,
    private val permitsCleartext: (host: String) -> Boolean = { true },
) : Transport {
    // Not the caller's: who is cancelled must not wait for a socket to notice.
    private val blocking = CoroutineScope(SupervisorJob() + dispatcher)

    override suspend fun send(request: HttpRequest): HttpResponse {
        val connection = opened(request)
        return try {
            withTimeout(timeout) {
                connected(connection)
                inBackground(connection) { exchange(connection, request) }
            }
        } catch (late: TimeoutCancellationException) {
            throw TransportException.NoAnswer(late)
        }
    }

    private fun opened(request: HttpRequest): HttpURLConnection =
        try {
            val url = URL(request.url)
            // Android says so by an exception that reads like any other failure to connect.
            if (url.protocol == "http" && !permitsCleartext(url.host)) throw TransportException.InvalidRequest()
            val connection = url.openConnection() as? HttpURLConnection
                ?: throw TransportException.InvalidRequest()
            connection.requestMethod = request.method
            connection.instanceFollowRedirects = false
            connection.useCaches = false
            connection.connectTimeout = connectTimeout.inWholeMilliseconds.toInt()
            connection.readTimeout = timeout.inWholeMilliseconds.toInt()
            if (userAgent != null) connection.setRequestProperty("User-Agent", userAgent)
            // In place of ours, not beside it.
            request.headers.filter { it.name.equals("User-Agent", ignoreCase = true) }
                .forEach { connection.setRequestProperty("User-Agent", it.value) }
            for (header in request.headers.filterNot { it.name.equals("User-Agent", ignoreCase = true) }) connection.addRequestProperty(header.name, header.value)
            if (request.method in METHODS_WITH_BODY || request.body.isNotEmpty()) {
                connection.doOutput = true
                if (request.method != "POST" || mayRepeatPosts()) connection.setFixedLengthStreamingMode(request.body.size)
            }
            connection
        } catch (invalid: MalformedURLException) {
            throw TransportException.InvalidRequest(invalid)
        } catch (invalid: ProtocolException) {
            throw TransportException.InvalidRequest(invalid)
        } catch (invalid: IllegalArgumentException) {
            throw TransportException.InvalidRequest(invalid)
        }

    /** Until this returns nothing of the request has left, however long a handshake is stalled. */
    private suspend fun connected(connection: HttpURLConnection) =
        try {
            withTimeout(connectTimeout) { inBackground(connection) { connect(connection) } }
        } catch (late: TimeoutCancellationException) {
            throw TransportException.Unreachable(late)
        }

    private suspend fun <T> inBackground(connection: HttpURLConnection, work: () -> T): T =
        suspendCancellableCoroutine { continuation ->
            continuation.invokeOnCancellation {
                // Closing a socket is network access too, which Android forbids on the main thread.
                blocking.launch { connection.disconnect() }
            }
            blocking.launch {
                val outcome = runCatching(work)
                // A caller that is gone takes nothing.
                if (continuation.isActive) {
                    outcome.fold({ continuation.resume(it) }, { continuation.resumeWithException(it) })
                }
            }
        }

    private companion object {
        val METHODS_WITH_BODY = setOf("POST", "PUT", "PATCH")

        /** What a JVM's stack does, unless told not to. Android's has no such setting. */
        fun mayRepeatPosts(): Boolean = System.getProperty("sun.net.http.retryPost") != "false"
    }
}

/** Sends the request and reads the answer; blocks. */
private fun exchange(connection: HttpURLConnection, request: HttpRequest): HttpResponse {
    try {
        if (connection.doOutput) connection.outputStream.use { it.write(request.body) }
        val status = connection.responseCode
        if (status < 0) throw IOException("not HTTP")
        val body = (connection.errorStream ?: bodyStream(connection, status))?.use { read(it, request.maxResponseBytes) }
        return HttpResponse(status, headers(connection), body ?: ByteArray(0))
    } catch (hidden: HttpRetryException) {
        // The JVM's stack thinks that a 401 has to be answered with a password; the status is all that it lets out.
        return HttpResponse(hidden.responseCode(), headers(connection), ByteArray(0))
    } catch (tooLarge: TransportException.TooLarge) {
        connection.disconnect()
        throw tooLarge
    } catch (broken: IOException) {
        connection.disconnect()
        throw TransportException.NoAnswer(broken)
    }
}

/** Until here nothing of the request has left, so that what goes wrong tells that the server has not acted. */
private fun connect(connection: HttpURLConnection) {
    try {
        connection.connect()
    } catch (untrusted: SSLException) {
        throw TransportException.Tls(untrusted)
    } catch (forbidden: UnknownServiceException) {
        // Cleartext, where the Network Security Config does not permit it.
        throw TransportException.InvalidRequest(forbidden)
    } catch (invalid: ProtocolException) {
        throw TransportException.InvalidRequest(invalid)
    } catch (unreachable: IOException) {
        throw TransportException.Unreachable(unreachable)
    } catch (forbidden: SecurityException) {
        // Without the permission INTERNET.
        throw TransportException.Unreachable(forbidden)
    }
}

private fun bodyStream(connection: HttpURLConnection, status: Int): InputStream? =
    if (connection.requestMethod == "HEAD" || status == 204 || status == 304 || status >= 400) null else connection.inputStream

private fun read(stream: InputStream, limit: Long): ByteArray {
    val body = java.io.ByteArrayOutputStream()
    val buffer = ByteArray(8 * 1024)
    while (true) {
        val count = stream.read(buffer)
        if (count < 0) return body.toByteArray()
        if (body.size() + count > limit) throw TransportException.TooLarge()
        body.write(buffer, 0, count)
    }
}

/** The status line has no name, and Android adds notes of its own that did not come over the wire. */
private fun headers(connection: HttpURLConnection): List<HttpHeader> =
    connection.headerFields.orEmpty().flatMap { (name: String?, values) ->
        if (name == null || name.startsWith("X-Android-")) emptyList() else values.map { HttpHeader(name, it) }
    }
