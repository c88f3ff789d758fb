import Foundation

extension Config {
    /// The settings in a property list of the app, `Hallpass.plist` unless another name is given.
    ///
    /// | Key | Value |
    /// |---|---|
    /// | `ClientId` | the client identifier; needed |
    /// | `Domain` or `Issuer` | the Auth0 tenant, or the OpenID Provider; one of them is needed |
    /// | `RedirectURI` | where the browser returns to; needed |
    /// | `Audience` | the API that the access token is for |
    /// | `Scope` | the scope to ask for, its values separated by spaces |
    /// | `APIOrigins` | an array of the origins that may be sent the access token |
    /// | `PostLogoutRedirectURI` | where the browser returns to after a logout that ends the server's session too |
    ///
    /// - Throws: ``HallpassError/misconfigured(field:fix:)`` naming the key and what to do: for a file that is not there, a
    ///   value that is missing, of another type or still a placeholder such as `YOUR_CLIENT_ID`, and a key that is none of
    ///   these.
    public static func propertyList(named name: String = "Hallpass", in bundle: Bundle = .main) throws(HallpassError) -> Config {
        guard let file = bundle.url(forResource: name, withExtension: "plist") else {
            throw .misconfigured(field: "\(name).plist", fix: "add the file to the app's target")
        }
        return try Config(propertyListAt: file)
    }

    /// The settings in the property list `file`; documented at ``propertyList(named:in:)``.
    public init(propertyListAt file: URL) throws(HallpassError) {
        let name = file.lastPathComponent
        guard let data = try? Data(contentsOf: file),
            let list = try? PropertyListSerialization.propertyList(from: data, format: nil) as? [String: Any]
        else {
            throw .misconfigured(field: name, fix: "it is no property list with a dictionary")
        }
        try self.init(Settings(file: name, list: list))
    }

    private init(_ settings: Settings) throws(HallpassError) {
        try settings.checkKeys()
        let clientID = try settings.needed("ClientId")
        let redirectURI = try settings.needed("RedirectURI")
        let provider: Provider =
            switch (try settings.text("Domain"), try settings.text("Issuer")) {
            case (let domain?, nil): .auth0(domain: domain)
            case (nil, let issuer?): .openIDConnect(issuer: issuer)
            case (nil, nil): throw settings.misconfigured("Domain", "give the tenant's domain, or the provider's `Issuer`")
            case (_?, _?): throw settings.misconfigured("Domain", "give either `Domain` or `Issuer`, not both")
            }
        self.init(provider: provider, clientID: clientID, redirectURI: redirectURI)
        audience = try settings.text("Audience")
        scope = try settings.text("Scope")
        apiOrigins = try settings.texts("APIOrigins")
        postLogoutRedirectURI = try settings.text("PostLogoutRedirectURI")
    }
}

/// The entries of a property list.
private struct Settings {
    static let keys = ["ClientId", "Domain", "Issuer", "RedirectURI", "Audience", "Scope", "APIOrigins", "PostLogoutRedirectURI"]

    let file: String
    let list: [String: Any]

    func checkKeys() throws(HallpassError) {
        for key in list.keys.sorted() where !Self.keys.contains(key) {
            throw misconfigured(key, "there is no such key; there are \(Self.keys.joined(separator: ", "))")
        }
    }

    func needed(_ key: String) throws(HallpassError) -> String {
        guard let text = try text(key) else { throw misconfigured(key, "add it") }
        return text
    }

    /// `nil` when there is none.
    func text(_ key: String) throws(HallpassError) -> String? {
        guard let value = list[key] else { return nil }
        guard let text = value as? String else { throw misconfigured(key, "make it a string") }
        return try checked(text, key)
    }

    /// Empty when there is none.
    func texts(_ key: String) throws(HallpassError) -> [String] {
        guard let value = list[key] else { return [] }
        guard let texts = value as? [String] else { throw misconfigured(key, "make it an array of strings") }
        for text in texts { _ = try checked(text, key) }
        return texts
    }

    func misconfigured(_ key: String, _ fix: String) -> HallpassError {
        .misconfigured(field: "\(file): \(key)", fix: fix)
    }

    private func checked(_ text: String, _ key: String) throws(HallpassError) -> String {
        let isPlaceholder = text.contains("YOUR_") || text.contains("{") || text.contains("<") || text.contains("$(")
        guard !text.trimmingCharacters(in: .whitespaces).isEmpty, !isPlaceholder else {
            throw misconfigured(key, "put the real value in its place")
        }
        return text
    }
}
