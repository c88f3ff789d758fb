package dev.hallpass.okhttp

import dev.hallpass.HallpassException
import dev.hallpass.Session
import kotlinx.coroutines.runBlocking
import okhttp3.Authenticator
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import okhttp3.Route
import java.io.IOException

/**
 * Sends the session's access token with every request to [origins], such as `https://api.example.com`, and to no other; when
 * the API answers 401, renews it once and repeats the request once.
 *
 * A request that has an `Authorization` header is left alone. A request without a valid token fails with
 * [NotAuthorizedException], and nothing is sent.
 */
public fun OkHttpClient.Builder.hallpass(session: Session, vararg origins: String): OkHttpClient.Builder {
    val allowed = Origins(origins.map { it.toHttpUrl() })
    return addInterceptor(BearerInterceptor(session, allowed)).authenticator(RenewingAuthenticator(session, allowed))
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
private class BearerInterceptor(private val session: Session, private val origins: Origins) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        if (request.url !in origins || request.header(AUTHORIZATION) != null) return chain.proceed(request)
        val credentials = authorized { session.credentials() }
        return chain.proceed(request.newBuilder().header(AUTHORIZATION, credentials.authorization).build())
    }
}

/** Renews only the token that was refused: when the session has another by now, that one is tried first and alone. */
private class RenewingAuthenticator(private val session: Session, private val origins: Origins) : Authenticator {
    override fun authenticate(route: Route?, response: Response): Request? {
        val request = response.request
        val refused = request.header(AUTHORIZATION)?.takeIf { it.startsWith("Bearer ") }
        val wasRepeated = generateSequence(response.priorResponse) { it.priorResponse }.any { it.code == UNAUTHORIZED }
        if (refused == null || wasRepeated || request.url !in origins) return null
        val credentials = authorized { session.credentials().takeIf { it.authorization != refused } ?: session.renew() }
        return request.newBuilder().header(AUTHORIZATION, credentials.authorization).build()
    }
}

/** On OkHttp's own thread, which waits for the network anyway; a hit does not suspend. */
private fun <T> authorized(work: suspend () -> T): T =
    try {
        runBlocking { work() }
    } catch (error: HallpassException) {
        throw NotAuthorizedException(error)
    }

private const val AUTHORIZATION = "Authorization"
private const val UNAUTHORIZED = 401
