import Foundation
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

@Suite(.timeLimit(.minutes(2)))
struct URLSessionTests {
    @Test func requestCarriesTheTokenAndIsRepeatedOnceAfterARefusal() async throws {
        try await withLab { lab, session in
            try await session.login()
            let request = URLRequest(url: lab.about.apiURL)
            let (data, response) = try await URLSession.shared.data(for: request, session: session)
            #expect(response.statusCode == 200 && !data.isEmpty)
            try await lab.admin("POST", "expire-access-tokens")
            let (_, second) = try await URLSession.shared.data(for: request, session: session)
            #expect(second.statusCode == 200)
            #expect(try await lab.renewals() == 1)
        }
    }

    @Test func refusedTokenOfAnAudienceIsReplacedForThatAudience() async throws {
        try await withLab { lab, session in
            try await session.login()
            let ofLogin = try await session.credentials()
            let audience = lab.about.audience
            let request = URLRequest(url: lab.about.apiURL)
            _ = try await URLSession.shared.data(for: request, session: session, audience: audience)
            let refused = try await session.credentials(audience: audience)
            try await lab.admin("POST", "expire-access-tokens")
            let (_, response) = try await URLSession.shared.data(for: request, session: session, audience: audience)
            #expect(response.statusCode == 200)
            #expect(try await session.credentials(audience: audience).accessToken != refused.accessToken)
            #expect(try await session.credentials().accessToken == ofLogin.accessToken)
            #expect(try await lab.renewals() == 2)
        }
    }

    @Test func requestsAtTheSameTimeWithOneRefusedTokenMakeOneRenewal() async throws {
        try await withLab { lab, session in
            try await session.login()
            try await lab.admin("POST", "expire-access-tokens")
            let request = URLRequest(url: lab.about.apiURL)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 {
                    group.addTask { try await URLSession.shared.data(for: request, session: session).1.statusCode }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 20))
            #expect(try await lab.renewals() == 1)
        }
    }

    @Test func requestWithTheAppsOwnAuthorizationIsSentAsItIs() async throws {
        try await withLab { lab, session in
            try await session.login()
            var request = URLRequest(url: lab.about.apiURL)
            request.setValue("Bearer of the app", forHTTPHeaderField: "Authorization")
            let (_, response) = try await URLSession.shared.data(for: request, session: session)
            #expect(response.statusCode == 401)
            #expect(try await lab.requests().filter { $0.endpoint == "api" }.count == 1)
            #expect(try await lab.renewals() == 0)
        }
    }

    @Test func refusalOfARenewedTokenIsTheAnswer() async throws {
        try await withLab { lab, session in
            try await session.login()
            try await lab.plan(#"{"endpoint": "api", "times": "always", "kind": "unauthorized"}"#)
            let (_, response) = try await URLSession.shared.data(for: URLRequest(url: lab.about.apiURL), session: session)
            #expect(response.statusCode == 401)
            #expect(try await lab.renewals() == 1)
            #expect(session.user != nil)
        }
    }

    @Test func tokenIsNotSentToAnotherOrigin() async throws {
        try await withLab { lab, session in
            try await session.login()
            let request = URLRequest(url: lab.about.issuer.appendingPathComponent("userinfo"))
            let error = await thrown { try await URLSession.shared.data(for: request, session: session) }
            #expect(error?.code == "api_origins")
            #expect(try await lab.requests().filter { $0.endpoint == "userinfo" }.count == 0)
        }
    }

    @Test func tokenDoesNotFollowARedirectToAnotherOrigin() async throws {
        try await withLab { lab, session in
            try await session.login()
            let elsewhere = lab.about.issuer.appendingPathComponent("elsewhere")
            try await lab.plan(
                #"{"endpoint": "api", "kind": {"redirect": {"status": 307, "location": "\#(elsewhere.absoluteString)"}}}"#)
            var request = URLRequest(url: lab.about.apiURL)
            request.setValue("kept", forHTTPHeaderField: "User-Agent")
            let (_, response) = try await URLSession.shared.data(for: request, session: session)
            #expect(response.url == elsewhere)
            let seen = try await lab.requests()
            let first = try #require(seen.last { $0.endpoint == "api" })
            let second = try #require(seen.last { $0.endpoint == "elsewhere" })
            #expect(first.header("authorization") != nil)
            #expect(second.header("authorization") == nil)
            #expect(second.header("user-agent") == "kept")
        }
    }

    @Test func tokenFollowsARedirectWithinItsOrigin() async throws {
        try await withLab { lab, session in
            try await session.login()
            try await lab.plan(
                #"{"endpoint": "api", "kind": {"redirect": {"status": 307, "location": "\#(lab.about.apiURL.absoluteString)"}}}"#)
            let (_, response) = try await URLSession.shared.data(for: URLRequest(url: lab.about.apiURL), session: session)
            #expect(response.statusCode == 200)
            let seen = try await lab.requests().filter { $0.endpoint == "api" }
            #expect(seen.count == 2 && seen.allSatisfy { $0.header("authorization") != nil })
        }
    }

    /// Apple's `URLSession` hands over a redirected request without the field, that of Linux with it.
    @Test(arguments: [nil, "Bearer token"])
    func tokenGoesWhereARedirectLeadsWithinItsOriginWhateverTheSystemKept(kept: String?) throws {
        let api = try #require(URL(string: "https://api.example.com/reports"))
        var first = URLRequest(url: api)
        first.setValue("Bearer token", forHTTPHeaderField: "Authorization")
        func token(from: String, to: String) -> String? {
            var next = URLRequest(url: URL(string: to)!)
            next.setValue(kept, forHTTPHeaderField: "Authorization")
            return withinOrigin(first, URL(string: from), next)?.value(forHTTPHeaderField: "Authorization")
        }
        #expect(token(from: "https://api.example.com/reports", to: "https://api.example.com/reports/") == "Bearer token")
        #expect(token(from: "https://api.example.com/", to: "https://api.example.com:443/reports/") == "Bearer token")
        for elsewhere in ["https://elsewhere.example/", "http://api.example.com/reports", "https://api.example.com:8443/"] {
            #expect(token(from: "https://api.example.com/reports", to: elsewhere) == nil)
            // Who was led astray is not led back with the token in hand.
            #expect(token(from: elsewhere, to: "https://api.example.com/delete") == nil)
        }
        first.setValue("proof", forHTTPHeaderField: "DPoP")
        #expect(withinOrigin(first, api, URLRequest(url: api)) == nil)
    }

    @Test func nobodySignedInIsAnErrorBeforeAnythingIsSent() async throws {
        try await withLab { lab, session in
            let request = URLRequest(url: lab.about.apiURL)
            let error = await thrown { try await URLSession.shared.data(for: request, session: session) }
            #expect(error == .loginRequired(.notSignedIn))
        }
    }
}

extension LabServer.Seen {
    /// The value of a header field; `nil` also for one that the log has as null.
    fileprivate func header(_ name: String) -> String? { headers[name] ?? nil }
}
