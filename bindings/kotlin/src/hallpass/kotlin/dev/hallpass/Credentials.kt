package dev.hallpass

import kotlin.time.Instant

/**
 * A valid access token.
 *
 * @property accessToken the access token
 * @property tokenType how it is to be presented: `Bearer`, or `DPoP` with a proof for each request ([Session.authorize])
 * @property scope the scope granted, its values separated by spaces
 * @property expiresAt when it expires, by this device's clock; `null` when the server did not say
 * @property renewed whether the call that returned it waited for a renewal
 */
public data class Credentials(
    public val accessToken: String,
    public val tokenType: String,
    public val scope: String,
    public val expiresAt: Instant?,
    public val renewed: Boolean,
) {
    /** The value of an `Authorization` header (RFC 6750 §2.1, RFC 9449 §7.1). */
    public val authorization: String get() = "$tokenType $accessToken"

    /** Shows no secret. */
    override fun toString(): String =
        "Credentials(accessToken=[redacted], scope=$scope, expiresAt=$expiresAt, renewed=$renewed)"
}

/**
 * An ID token that was validated, for a service that takes it as proof of who the user is. It is no access token: call no API of
 * your own with it.
 *
 * @property raw the token: a JWT in compact form
 * @property expiresAt until when it may be accepted
 */
public data class IdToken(public val raw: String, public val expiresAt: Instant) {
    /** Shows no secret. */
    override fun toString(): String = "IdToken(raw=[redacted], expiresAt=$expiresAt)"
}
