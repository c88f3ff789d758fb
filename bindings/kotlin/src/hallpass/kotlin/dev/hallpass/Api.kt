package dev.hallpass

import dev.hallpass.ports.HttpHeader
import kotlin.time.Duration

/**
 * A request to an API, without its authorization.
 *
 * @property method `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`
 * @property url an absolute URL below one of [Config.apiOrigins]
 * @property headers the header fields
 * @property body the content; empty for none
 * @property minTtl how long the access token that is sent is valid at least
 * @property audience for another API than the one of the login
 * @property scope with a narrower scope than the login's
 */
public class ApiRequest(
    public val method: String,
    public val url: String,
    public val headers: List<HttpHeader> = emptyList(),
    public val body: ByteArray = ByteArray(0),
    public val minTtl: Duration = Session.DEFAULT_MIN_TTL,
    public val audience: String? = null,
    public val scope: String? = null,
) {
    /** Shows neither the URL, nor a header, nor the body. */
    override fun toString(): String = "ApiRequest($method, ${body.size} bytes)"

    /** Short forms. */
    public companion object {
        /** A `GET` of [url]. */
        public fun get(url: String): ApiRequest = ApiRequest("GET", url)

        /** A `POST` of [json] to [url]. */
        public fun postJson(url: String, json: String): ApiRequest =
            ApiRequest("POST", url, listOf(HttpHeader("Content-Type", "application/json")), json.encodeToByteArray())
    }
}

/**
 * What an API answered.
 *
 * @property status the status code
 * @property headers the header fields
 * @property body the content, as it came
 * @property renewals how often the access token was renewed for this call: 0 or 1
 */
public class ApiReply(
    public val status: Int,
    public val headers: List<HttpHeader>,
    public val body: ByteArray,
    public val renewals: Int,
) {
    /** Whether the status is one of success (2xx). */
    public val isSuccess: Boolean get() = status in 200..299

    /** The body as UTF-8. */
    public fun text(): String = body.decodeToString()

    /** The first value of the header field [name], in any case; `null` without one. */
    public fun header(name: String): String? = headers.firstOrNull { it.name.equals(name, ignoreCase = true) }?.value

    /** Shows neither a header nor the body. */
    override fun toString(): String = "ApiReply($status, ${body.size} bytes)"
}
