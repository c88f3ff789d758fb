/// The settings of one app at one authorization server.
///
/// ```swift
/// var config = Config.auth0(
///     domain: "tenant.eu.auth0.com", clientID: "aBcD1234", redirectURI: "com.example.app://tenant.eu.auth0.com/callback")
/// config.audience = "https://expenses-api"
/// config.scope = "openid profile read:reports offline_access"
/// ```
///
/// Nothing is checked here: ``Session/init(_:account:store:browser:transport:signer:leaseDirectory:clock:)`` throws
/// ``HallpassError/misconfigured(field:fix:)`` naming what is wrong. Identifiers that the server compares byte for byte are
/// text rather than `URL`, which could change them.
public struct Config: Sendable, Hashable {
    /// Who signs the user in.
    public enum Provider: Sendable, Hashable {
        /// An Auth0 tenant, by its domain such as `tenant.eu.auth0.com`.
        case auth0(domain: String)
        /// Any OpenID Provider, by its issuer identifier; its trailing slash counts.
        case openIDConnect(issuer: String)
    }

    /// Who signs the user in.
    public var provider: Provider
    /// The client identifier that the provider gave to this app.
    public var clientID: String
    /// Where the browser returns to after a login, as it is registered with the provider.
    public var redirectURI: String
    /// The scope to ask for, its values separated by spaces; `openid profile offline_access` when `nil`.
    public var scope: String?
    /// The API that the access token is for (Auth0). The server chooses when `nil`.
    public var audience: String?
    /// The APIs that the access token is for, as absolute URIs (RFC 8707).
    public var resources: [String] = []
    /// The organization that the user must sign in to; checked in the ID token.
    public var organization: String?
    /// How long ago the user may have authenticated at most, in whole seconds; checked in the ID token.
    public var maxAge: Duration?
    /// How far the clocks of the device and the server may be apart, in whole seconds; 60 seconds when `nil`.
    public var leeway: Duration?
    /// How long a login may stay in the browser, in whole seconds; 15 minutes when `nil`.
    public var loginLifetime: Duration?
    /// The origins (scheme, host and port) that may be sent the access token. No other ever gets it.
    public var apiOrigins: [String] = []
    /// Where the browser returns to after a logout that ends the server's session too.
    public var postLogoutRedirectURI: String?
    /// Whether requests to an Auth0 tenant name this SDK and its version.
    public var telemetry = true
    /// Whether the tokens of the next login are bound to a key of this device (DPoP, RFC 9449), so that one that is stolen is of
    /// no use elsewhere. A session that is there already stays what it is.
    public var dpop = false
    /// Whether logins are pushed to the server before the browser opens, which then carries a reference alone (PAR, RFC 9126).
    /// Where the server's metadata requires it, it is done in any case; Auth0's is not read.
    public var par = false
    /// Where the provider's metadata is, when it is not below the issuer. It has to name the issuer all the same.
    public var metadataURL: String?
    /// The issuer's name in tokens, for one with many tenants: `https://login.microsoftonline.com/{tenantid}/v2.0`. Users of every
    /// tenant are accepted: who may use the app is for the app to say.
    public var issuerTemplate: String?
    /// Whether an ID token without `nonce` is accepted at a login, for a provider that never returns it (LinkedIn). PKCE alone
    /// then tells a code that was injected.
    public var dangerAcceptMissingNonce = false
    /// Whether the redirect URI's scheme may have no period, such as `myapp`. Any app on the device can claim such a scheme and
    /// get the callback (RFC 8252 §7.1).
    public var dangerAllowAnyRedirectScheme = false
    /// Whether plain HTTP is allowed to a server on this very machine. For development only.
    public var dangerAllowLoopbackHTTP = false

    /// Settings with everything optional left out.
    public init(provider: Provider, clientID: String, redirectURI: String) {
        self.provider = provider
        self.clientID = clientID
        self.redirectURI = redirectURI
    }

    /// The settings of an app at an Auth0 tenant.
    ///
    /// - Parameter domain: the tenant's domain or custom domain, such as `tenant.eu.auth0.com`.
    public static func auth0(domain: String, clientID: String, redirectURI: String) -> Config {
        Config(provider: .auth0(domain: domain), clientID: clientID, redirectURI: redirectURI)
    }

    /// The settings of an app at any OpenID Provider.
    ///
    /// - Parameter issuer: the issuer identifier, byte for byte as the provider's metadata has it.
    public static func openIDConnect(issuer: String, clientID: String, redirectURI: String) -> Config {
        Config(provider: .openIDConnect(issuer: issuer), clientID: clientID, redirectURI: redirectURI)
    }
}
