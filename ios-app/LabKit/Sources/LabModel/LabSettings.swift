import Foundation
import Hallpass

/// What the settings screen changes. The app keeps it between launches.
public struct LabSettings: Codable, Sendable, Hashable {
    /// The issuer of the tenant: `lab serve` on this Mac, unless changed.
    public var issuer = "http://localhost:3000/"
    /// The client identifier.
    public var clientID = "hallpass-lab"
    /// The API that the access token is for.
    public var audience = "https://expenses-api"
    /// The address of the expenses API.
    public var apiAddress = "http://localhost:3001/"
    /// The scope without `offline_access`.
    public var scope = "openid profile read:reports"
    /// Whether a refresh token is asked for.
    public var asksForOfflineAccess = true
    /// Whether reading the stored session takes a finger, a face or the passcode.
    public var asksForBiometry = false
    /// Whether the browser keeps no cookies.
    public var usesPrivateBrowsing = false

    /// The lab's own settings.
    public init() {}

    /// The redirect URI that the lab's client has registered. Its scheme needs no entry in the app: the browser sheet waits
    /// for it. The app declares it all the same, for a login that is finished after the app was ended.
    public static let redirectURI = "com.example.hallpass.lab:/callback"

    /// The settings of the session.
    public var config: Config {
        var config = Config.auth0(domain: issuer, clientID: clientID, redirectURI: Self.redirectURI)
        config.audience = audience.isEmpty ? nil : audience
        config.scope = scope + (asksForOfflineAccess ? " offline_access" : "")
        config.apiOrigins = [apiAddress]
        config.postLogoutRedirectURI = Self.redirectURI
        // For `lab serve` only: plain HTTP stays refused to every other host.
        config.dangerAllowLoopbackHTTP = true
        return config
    }

    /// Where the session is stored.
    public var store: Store { .keychain(biometry: asksForBiometry ? .userPresence : .notRequired) }
}
