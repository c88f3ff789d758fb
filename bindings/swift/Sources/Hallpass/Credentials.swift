import Foundation

/// A valid access token.
///
/// Its description shows no secret, so that one that ends in a log by mistake does no harm.
public struct Credentials: Sendable, Hashable {
    /// The access token.
    public let accessToken: String
    /// How it is presented: `Bearer` (RFC 6750), or `DPoP` with a proof for each request; see ``Session/authorize(_:_:minTTL:audience:scope:)``.
    public let tokenType: String
    /// The scope granted, its values separated by spaces.
    public let scope: String
    /// When it expires, by this device's clock, in whole seconds; `nil` when the server did not say.
    public let expiresAt: Date?
    /// Whether the call that returned it waited for a renewal.
    public let renewed: Bool

    /// Credentials as a session returns them; for tests and previews.
    public init(accessToken: String, tokenType: String = "Bearer", scope: String = "", expiresAt: Date? = nil, renewed: Bool = false) {
        self.accessToken = accessToken
        self.tokenType = tokenType
        self.scope = scope
        self.expiresAt = expiresAt
        self.renewed = renewed
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// All but the token.
    public var description: String {
        let expiry = expiresAt.map { "\($0.timeIntervalSince1970)" } ?? "unknown"
        return "Credentials(accessToken: [redacted], scope: \(scope), expiresAt: \(expiry), renewed: \(renewed))"
    }

    /// All but the token.
    public var debugDescription: String { description }

    /// All but the token: `dump` and the debugger look here.
    public var customMirror: Mirror {
        Mirror(self, children: ["accessToken": "[redacted]", "scope": scope, "expiresAt": expiresAt as Any, "renewed": renewed])
    }
}

/// An ID token that was validated. Its description shows no secret.
public struct IDToken: Sendable, Hashable {
    /// The token: a JWT in compact form.
    public let rawValue: String
    /// Until when it may be accepted, in whole seconds.
    public let expiresAt: Date

    /// An ID token as a session returns it; for tests and previews.
    public init(rawValue: String, expiresAt: Date) {
        self.rawValue = rawValue
        self.expiresAt = expiresAt
    }
}

extension IDToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// All but the token.
    public var description: String { "IDToken([redacted], expiresAt: \(expiresAt.timeIntervalSince1970))" }

    /// All but the token.
    public var debugDescription: String { description }

    /// All but the token: `dump` and the debugger look here.
    public var customMirror: Mirror { Mirror(self, children: ["rawValue": "[redacted]", "expiresAt": expiresAt as Any]) }
}
