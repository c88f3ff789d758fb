import Foundation

/// The signed-in user, by the latest ID token (OpenID Connect Core §5.1).
public struct User: Sendable, Hashable, Identifiable {
    /// The user's identifier at this issuer; never assigned to another user.
    public let sub: String
    /// The full name.
    public let name: String?
    /// The given name.
    public let givenName: String?
    /// The family name.
    public let familyName: String?
    /// The casual name.
    public let nickname: String?
    /// The name that the user prefers; not unique, so do not use it as a key.
    public let preferredUsername: String?
    /// The e-mail address.
    public let email: String?
    /// Whether the provider has verified the e-mail address.
    public let emailVerified: Bool?
    /// The URL of a picture.
    public let picture: URL?
    /// The language, as a BCP 47 tag.
    public let locale: String?
    /// All claims of the ID token, as one JSON object. ``claims(as:decoder:)`` decodes them.
    public let claimsJSON: String

    /// The same as ``sub``.
    public var id: String { sub }

    /// A user as a session returns one; for tests and previews.
    public init(
        sub: String, name: String? = nil, givenName: String? = nil, familyName: String? = nil, nickname: String? = nil,
        preferredUsername: String? = nil, email: String? = nil, emailVerified: Bool? = nil, picture: URL? = nil,
        locale: String? = nil, claimsJSON: String = "{}"
    ) {
        self.sub = sub
        self.name = name
        self.givenName = givenName
        self.familyName = familyName
        self.nickname = nickname
        self.preferredUsername = preferredUsername
        self.email = email
        self.emailVerified = emailVerified
        self.picture = picture
        self.locale = locale
        self.claimsJSON = claimsJSON
    }

    /// The claims, decoded into a type of the app's own.
    ///
    /// - Throws: `DecodingError`.
    public func claims<Claims: Decodable>(as type: Claims.Type, decoder: JSONDecoder = JSONDecoder()) throws -> Claims {
        try decoder.decode(type, from: Data(claimsJSON.utf8))
    }
}

extension User: RedactedDescription {
    /// The identifier only: the rest is personal.
    public var description: String { "User(sub: \(sub))" }
}
