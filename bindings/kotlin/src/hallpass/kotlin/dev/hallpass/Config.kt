package dev.hallpass

import kotlin.time.Duration

/**
 * The settings of one client at one authorization server; nothing in here is secret. They are checked when the session is
 * opened: a wrong one is [HallpassException.Misconfigured] with its name.
 *
 * @property provider who signs the user in
 * @property clientId the client identifier that the provider gave to this app
 * @property redirectUri where the browser returns to: an App Link (`https`) or a custom scheme with a dot in it
 * @property scope what to ask for, its values separated by spaces; `null` is `openid profile offline_access`
 * @property audience the API that the access token is for (Auth0)
 * @property resources the APIs that the access token is for (RFC 8707)
 * @property organization the organization that the user must sign in to
 * @property maxAge how long ago the user may have authenticated at most
 * @property leeway how far apart the server's clock and the device's may be; `null` is 60 s
 * @property loginLifetime how long a login may stay in the browser
 * @property apiOrigins the origins, such as `https://api.example.com`, that [Session.call] may send the access token to
 * @property postLogoutRedirectUri where the browser returns after a logout that ends the server's session too
 * @property telemetry whether requests to an Auth0 tenant name this library
 * @property dpop whether the tokens of the next login are bound to a key of this device (RFC 9449), so that a stolen one is of no
 *   use elsewhere; a session that is there stays what it is
 * @property par whether logins are pushed to the server before the browser opens, which then carries a reference alone (RFC 9126);
 *   where the server's metadata requires it, it is done in any case; Auth0's is not read
 * @property metadataUrl where the provider's metadata is, when it is not below the issuer; it has to name the issuer all the same
 * @property issuerTemplate the issuer's name in tokens, for one with many tenants:
 *   `https://login.microsoftonline.com/{tenantid}/v2.0`; users of every tenant are accepted
 * @property dangerAcceptMissingNonce whether an ID token without `nonce` is accepted at a login, for a provider that never returns
 *   it (LinkedIn); PKCE alone then tells a code that was injected
 * @property dangerAllowAnyRedirectScheme whether the redirect URI's scheme may have no dot, such as `myapp`; any app on the device
 *   can claim such a scheme and get the callback (RFC 8252 §7.1)
 * @property dangerAllowLoopbackHttp whether plain HTTP is allowed to this very device, and from an emulator to the machine that
 * it runs on (`10.0.2.2`): for development, never in a release
 */
public data class Config(
    public val provider: Provider,
    public val clientId: String,
    public val redirectUri: String,
    public val scope: String? = null,
    public val audience: String? = null,
    public val resources: List<String> = emptyList(),
    public val organization: String? = null,
    public val maxAge: Duration? = null,
    public val leeway: Duration? = null,
    public val loginLifetime: Duration? = null,
    public val apiOrigins: List<String> = emptyList(),
    public val postLogoutRedirectUri: String? = null,
    public val telemetry: Boolean = true,
    public val dpop: Boolean = false,
    public val par: Boolean = false,
    public val metadataUrl: String? = null,
    public val issuerTemplate: String? = null,
    public val dangerAcceptMissingNonce: Boolean = false,
    public val dangerAllowAnyRedirectScheme: Boolean = false,
    public val dangerAllowLoopbackHttp: Boolean = false,
)

/** Who signs the user in. */
public sealed interface Provider {
    /** An Auth0 tenant by its [domain], such as `tenant.eu.auth0.com`. */
    public data class Auth0(public val domain: String) : Provider

    /** Any OpenID Provider by its [issuer] identifier, byte for byte. */
    public data class OpenIdConnect(public val issuer: String) : Provider
}
