import Foundation
import Hallpass
import Testing

struct PropertyListTests {
    private func config(_ entries: [String: Any]) throws -> Config {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).plist")
        defer { try? FileManager.default.removeItem(at: file) }
        try PropertyListSerialization.data(fromPropertyList: entries, format: .xml, options: 0).write(to: file)
        return try Config(propertyListAt: file)
    }

    private let whole: [String: Any] = [
        "ClientId": "aBcD1234", "Domain": "tenant.eu.auth0.com", "RedirectURI": "com.example.app:/callback",
        "Audience": "https://expenses-api", "Scope": "openid offline_access", "APIOrigins": ["https://api.example.com"],
        "PostLogoutRedirectURI": "com.example.app:/bye",
    ]

    @Test func wholeFileBecomesTheSettings() throws {
        let config = try config(whole)
        #expect(config.provider == .auth0(domain: "tenant.eu.auth0.com"))
        #expect(config.clientID == "aBcD1234" && config.redirectURI == "com.example.app:/callback")
        #expect(config.audience == "https://expenses-api" && config.scope == "openid offline_access")
        #expect(config.apiOrigins == ["https://api.example.com"] && config.postLogoutRedirectURI == "com.example.app:/bye")
        #expect(!config.dangerAllowLoopbackHTTP)
    }

    @Test func issuerStandsInPlaceOfADomain() throws {
        var entries = whole
        entries["Domain"] = nil
        entries["Issuer"] = "https://login.example.com/"
        #expect(try config(entries).provider == .openIDConnect(issuer: "https://login.example.com/"))
    }

    @Test(arguments: ["ClientId", "RedirectURI", "Domain"])
    func valueThatIsMissingOrAPlaceholderIsNamed(key: String) throws {
        for value in [nil, "", "  ", "YOUR_VALUE", "{yourValue}", "<value>", "$(VALUE)"] as [String?] {
            var entries = whole
            entries[key] = value
            let error = try #require(failure(entries))
            guard case .misconfigured(let field, let fix) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(field.hasSuffix(".plist: \(key)") && !fix.isEmpty)
        }
    }

    @Test func valueOfAnotherTypeBothProvidersAndAnUnknownKeyAreNamed() throws {
        for (key, value) in [("ClientId", 5 as Any), ("APIOrigins", "https://a.example"), ("Issuer", "https://b.example/"), ("Audiance", "x")] {
            var entries = whole
            entries[key] = value
            #expect(try #require(failure(entries)).code.contains(".plist: "))
        }
    }

    @Test func fileThatIsNotThereOrNoPropertyListIsNamed() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).plist")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("no property list".utf8).write(to: file)
        for attempt in [{ try Config(propertyListAt: file) }, { try Config.propertyList(named: "Absent") }] {
            do {
                _ = try attempt()
                Issue.record("it was read")
            } catch {
                #expect((error as? HallpassError)?.code.hasSuffix(".plist") == true)
            }
        }
    }

    private func failure(_ entries: [String: Any]) -> HallpassError? {
        do {
            _ = try config(entries)
            return nil
        } catch {
            return error as? HallpassError
        }
    }
}
