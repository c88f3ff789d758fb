package dev.hallpass.okhttp

import dev.hallpass.Authorization
import dev.hallpass.HallpassException
import dev.hallpass.Session
import dev.hallpass.ports.HttpHeader
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import okhttp3.Call
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import java.io.IOException
import java.io.InterruptedIOException
import kotlin.time.Duration.Companion.milliseconds

/**
 * Sends the session's access token with every request to [origins], such as `https://api.example.com`, and to no other; when
 * the API answers 401, gets another one and repeats the request once. [origins] have to be among
 * [dev.hallpass.Config.apiOrigins]. A token that is bound to a key goes with a proof for each request that is really sent, and
 * once more when the API wants its nonce in the proof.
 *
 * A request that has an `Authorization` header is left alone. Redirects within an origin keep the token, and those to another
 * origin carry none. A body that can be written only once is sent only once: the 401 is the answer then, and the next request has
 * another token.
 *
 * A request that cannot be authorized fails with [NotAuthorizedException]. When nobody is signed in, nothing is sent; when the API
 * wants the user to authenticate again, the cause is [HallpassException.StepUpRequired] and says how.
 *
 * @param audience for another API than the one of the login; a request's own [TokenFor] comes first
 * @param scope with a narrower scope than the login's, its values separated by spaces; likewise
 */
public fun OkHttpClient.Builder.hallpass(
    session: Session,
    vararg origins: String,
    audience: String? = null,
    scope: String? = null,
): OkHttpClient.Builder {
    val authorizing = AuthorizingInterceptor(session, Origins(origins.map { it.toHttpUrl() }), TokenFor(audience, scope))
    return addInterceptor(authorizing).addNetworkInterceptor(ProvingInterceptor(authorizing))
}

/**
 * Which access token a request is sent with, in place of the client's: a tag of the request, also by Retrofit's `@Tag`.
 *
 * ```
 * Request.Builder().url(url).tag(TokenFor::class, TokenFor(audience = "https://reports-api")).build()
 * ```
 *
 * @property audience for another API than the one of the login
 * @property scope with a narrower scope than the login's, its values separated by spaces
 */
public data class TokenFor(public val audience: String? = null, public val scope: String? = null)

/** A request could not be authorized; [cause] says what to do. OkHttp wants an [IOException]. */
public class NotAuthorizedException internal constructor(override val cause: HallpassException) :
    IOException("not authorized: ${cause.message}", cause)

private class Origins(private val allowed: List<HttpUrl>) {
    init {
        require(allowed.isNotEmpty()) { "name the origins that the access token may be sent to" }
    }

    operator fun contains(url: HttpUrl): Boolean =
        allowed.any { it.scheme == url.scheme && it.host == url.host && it.port == url.port }
}

/** Authorizes a request and, as the session says by the answer, sends it again. Redirects are followed below it. */
private class AuthorizingInterceptor(
    private val session: Session,
    private val origins: Origins,
    private val usual: TokenFor,
) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        var request = chain.request()
        if (request.url !in origins || request.header(AUTHORIZATION) != null) return chain.proceed(request)
        val authorized = AuthorizedCall(this, session, chain.call(), request.tag(TokenFor::class.java) ?: usual)
        request = authorized.authorize(request)
        var repeats = 0
        while (true) {
            val response = chain.proceed(request)
            val again = closedOnFailure(response) { authorized.after(response) }
            if (again == null || repeats == MOST_REPEATS || response.request.isSentOnce()) return response
            response.close()
            request = again
            repeats += 1
        }
    }

    private inline fun <T> closedOnFailure(response: Response, work: () -> T): T {
        var isDone = false
        try {
            return work().also { isDone = true }
        } finally {
            if (!isDone) response.close()
        }
    }

    private fun Request.isSentOnce(): Boolean = body?.let { it.isOneShot() || it.isDuplex() } == true

    private companion object {
        /** For the API's nonce, for another token, and for the nonce with that one. The session counts them for one URL only. */
        const val MOST_REPEATS = 3
    }
}

/**
 * Makes the proof that a token bound to a key needs anew for each request that really goes out, also after a redirect and on
 * another connection: it is for one URL and for once.
 */
private class ProvingInterceptor(private val authorizing: AuthorizingInterceptor) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val authorized = request.tag(AuthorizedCall::class.java)?.takeIf { it.by === authorizing }
        return chain.proceed(authorized?.proven(request) ?: request)
    }
}

/** The authorization of a call, as it goes from one request to the next; a tag of these requests. */
private class AuthorizedCall(
    val by: AuthorizingInterceptor,
    private val session: Session,
    private val call: Call,
    private val wanted: TokenFor,
) {
    /** That of the latest request. A call is on one thread at a time. */
    private var latest = Authorization(emptyList())

    /** Whether a request with it went out. */
    private var isUsed = false

    fun authorize(request: Request): Request = with(request) {
        authorized(this, await { session.authorize(method, url.toString(), audience = wanted.audience, scope = wanted.scope) })
    }

    /** What to send after this answer, if it is not for the app. */
    fun after(response: Response): Request? {
        val request = response.request
        // It was redirected to another origin, whose answer says nothing of the token.
        if (request.header(AUTHORIZATION) == null) return null
        val headers = response.headers.map { (name, value) -> HttpHeader(name, value) }
        val again = try {
            await { session.after(latest, response.code, headers) }
        } catch (closed: NotAuthorizedException) {
            // Nothing was refused, so the answer is the app's although the session is closed by now: the API may have acted.
            if (response.code == UNAUTHORIZED) throw closed else null
        }
        return again?.let { authorized(request, it) }
    }

    /** The request with a proof that no other had. */
    fun proven(request: Request): Request = when {
        latest.headers.none { it.name.equals(PROOF, ignoreCase = true) } -> request
        request.header(AUTHORIZATION) == null -> request.newBuilder().removeHeader(PROOF).build()
        isUsed -> authorize(request).also { isUsed = true }
        else -> request.also { isUsed = true }
    }

    private fun authorized(request: Request, authorization: Authorization): Request {
        latest = authorization
        isUsed = false
        val whole = request.newBuilder().tag(AuthorizedCall::class.java, this)
        authorization.headers.forEach { whole.header(it.name, it.value) }
        return whole.build()
    }

    /**
     * On OkHttp's own thread, which waits for the network anyway; a hit does not suspend. OkHttp takes an [IOException] only, and
     * tells nobody that a call was canceled: one that waits looks at it from time to time.
     */
    private fun <T> await(work: suspend () -> T): T =
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
private const val PROOF = "DPoP"
private const val UNAUTHORIZED = 401
