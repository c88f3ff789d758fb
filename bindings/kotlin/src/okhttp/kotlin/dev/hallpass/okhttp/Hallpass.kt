package dev.hallpass.okhttp

import dev.hallpass.HallpassException
import dev.hallpass.Session
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withTimeoutOrNull
import okhttp3.Authenticator
import okhttp3.Call
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import okhttp3.Route
import java.io.IOException
import java.io.InterruptedIOException
import kotlin.time.Duration.Companion.milliseconds

/**
 * Sends the session's access token with every request to [origins], such as `https://api.example.com`, and to no other; when
 * the API answers 401, renews it once and repeats the request once. A token that is bound to a key goes with a proof for each
 * request that is really sent, and once more when the API wants its nonce in the proof; [origins] have to be among
 * [dev.hallpass.Config.apiOrigins] then.
 *
 * A request that has an `Authorization` header is left alone. A request without a valid token fails with
 * [NotAuthorizedException], and nothing is sent.
 */
public fun OkHttpClient.Builder.hallpass(session: Session, vararg origins: String): OkHttpClient.Builder {
    val allowed = Origins(origins.map { it.toHttpUrl() })
    return addInterceptor(AuthorizingInterceptor(session, allowed))
        .addNetworkInterceptor(ProvingInterceptor(session, allowed))
        .authenticator(RenewingAuthenticator(session, allowed))
}

/** There is no access token to send; [cause] says what to do. OkHttp wants an [IOException]. */
public class NotAuthorizedException internal constructor(override val cause: HallpassException) :
    IOException("no access token: ${cause.message}", cause)

internal class Origins(private val allowed: List<HttpUrl>) {
    init {
        require(allowed.isNotEmpty()) { "name the origins that the access token may be sent to" }
    }

    operator fun contains(url: HttpUrl): Boolean =
        allowed.any { it.scheme == url.scheme && it.host == url.host && it.port == url.port }
}

/** Attaches the token. OkHttp drops it itself when a redirect leads to another host. */
private class AuthorizingInterceptor(private val session: Session, private val origins: Origins) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        if (request.url !in origins || request.header(AUTHORIZATION) != null) return chain.proceed(request)
        val mark = Authorized(chain.call())
        val credentials = mark.await { session.credentials() }
        val authorized = request.newBuilder().tag(Authorized::class.java, mark).header(AUTHORIZATION, credentials.authorization)
        return chain.proceed(authorized.build())
    }
}

/**
 * Adds the proof that a token bound to a key needs: a new one for each request that goes out, also after a redirect and on
 * another connection, since it is for one URL and for once.
 */
private class ProvingInterceptor(private val session: Session, private val origins: Origins) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val mark = request.tag(Authorized::class.java)
        val needsProof = request.header(AUTHORIZATION)?.startsWith(BOUND) == true && request.header(PROOF) == null
        if (mark == null || !needsProof || request.url !in origins) return chain.proceed(request)
        val url = request.url.toString()
        val fields = mark.await { session.proof(request.method, url) }
        val response = chain.proceed(request.newBuilder().apply { fields.forEach { header(it.name, it.value) } }.build())
        response.header("DPoP-Nonce")?.let { nonce -> mark.await { session.noteNonce(url, nonce) } }
        return response
    }
}

/** Renews only the token that was refused: when the session has another by now, that one is tried first and alone. */
private class RenewingAuthenticator(private val session: Session, private val origins: Origins) : Authenticator {
    /** A call compares and renews in one turn: else it would renew again what another one has renewed between the two. */
    private val turn = Mutex()

    override fun authenticate(route: Route?, response: Response): Request? {
        val request = response.request
        // A token that the app sent itself is not the session's to replace.
        val mark = request.tag(Authorized::class.java) ?: return null
        val refused = request.header(AUTHORIZATION)?.takeIf { it.startsWith("Bearer ") || it.startsWith(BOUND) }
        if (refused == null || request.url !in origins) return null
        val earlier = generateSequence(response.priorResponse) { it.priorResponse }.filter { it.code == UNAUTHORIZED }
        // The nonce is known by now; the request that goes out gets a proof with it.
        if (response.wantsNonce()) return request.takeIf { earlier.none { it.wantsNonce() } }
        if (earlier.any { !it.wantsNonce() }) return null
        val credentials = mark.await {
            turn.withLock { session.credentials().takeIf { it.authorization != refused } ?: session.renew() }
        }
        return request.newBuilder().header(AUTHORIZATION, credentials.authorization).build()
    }
}

/** Whether the API wants its nonce in the proof (RFC 9449 §9). */
private fun Response.wantsNonce(): Boolean =
    challenges().any { it.scheme.equals("DPoP", ignoreCase = true) && it.authParams["error"] == "use_dpop_nonce" }

/** Marks a request that the session authorized, and waits for the session on behalf of its call. */
private class Authorized(private val call: Call) {
    /**
     * On OkHttp's own thread, which waits for the network anyway; a hit does not suspend. OkHttp takes an [IOException] only, and
     * tells nobody that a call was canceled: one that waits looks at it from time to time.
     */
    fun <T> await(work: suspend () -> T): T =
        try {
            runBlocking {
                val result = async(start = CoroutineStart.UNDISPATCHED) { work() }
                while (!result.isCompleted) {
                    withTimeoutOrNull(CANCELED_AFTER) { result.join() }
                    if (call.isCanceled()) throw IOException("Canceled")
                }
                result.await()
            }
        } catch (error: HallpassException) {
            throw NotAuthorizedException(error)
        } catch (cancelled: CancellationException) {
            throw IOException("Canceled", cancelled)
        } catch (interrupted: InterruptedException) {
            Thread.currentThread().interrupt()
            throw InterruptedIOException("interrupted").apply { initCause(interrupted) }
        }

    private companion object {
        val CANCELED_AFTER = 50.milliseconds
    }
}

private const val AUTHORIZATION = "Authorization"

/** How the value begins for a token that is bound to a key. */
private const val BOUND = "DPoP "
private const val PROOF = "DPoP"
private const val UNAUTHORIZED = 401
