package dev.hallpass

import dev.hallpass.ffi.Receipt
import dev.hallpass.ports.HttpHeader

/**
 * The authorization of one request of the app's own HTTP client: what [Session.authorize] returns, and what [Session.after] takes
 * with the answer.
 *
 * @property headers the fields to set on the request, each in place of a field of the same name: `Authorization`, and `DPoP` when
 *   the access token is bound to a key. A proof is for one request and for once
 */
public class Authorization internal constructor(
    public val headers: List<HttpHeader>,
    /** What the core has to know of the request when the answer is there. */
    internal val receipt: Receipt?,
) {
    /** One of a test's own session: no real session takes it. */
    public constructor(headers: List<HttpHeader>) : this(headers, receipt = null)

    /** Shows no secret. */
    override fun toString(): String = "Authorization(${headers.size} fields)"
}
