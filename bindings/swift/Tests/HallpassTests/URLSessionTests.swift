import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing

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

    @Test func nobodySignedInIsAnErrorBeforeAnythingIsSent() async throws {
        try await withLab { lab, session in
            let request = URLRequest(url: lab.about.apiURL)
            let error = await thrown { try await URLSession.shared.data(for: request, session: session) }
            #expect(error == .loginRequired(.notSignedIn))
        }
    }
}
