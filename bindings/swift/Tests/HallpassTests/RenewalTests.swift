import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

@Suite(.timeLimit(.minutes(2)))
struct RenewalTests {
    @Test func fiveHundredCallersShareOneRenewal() async throws {
        let clock = ShiftedClock()
        try await withLab(clock: clock) { lab, session in
            try await session.login()
            try await lab.plan(#"{"endpoint": "token", "grant_type": "refresh_token", "kind": {"delayed_answer": {"milliseconds": 300}}}"#)
            clock.advance(by: .seconds(3600))
            let tokens = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<500 { group.addTask { try await session.credentials().accessToken } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(tokens.count == 1)
            #expect(try await lab.renewals() == 1)
        }
    }

    @Test func fiveHundredCallersShareOneFailure() async throws {
        let clock = ShiftedClock()
        try await withLab(clock: clock) { lab, session in
            try await session.login()
            try await lab.admin("POST", "revoke-refresh-tokens")
            clock.advance(by: .seconds(3600))
            let errors = await withTaskGroup(of: HallpassError?.self) { group in
                for _ in 0..<500 { group.addTask { await thrown { try await session.credentials() } } }
                return await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(errors == [.loginRequired(.revoked)])
            // `invalid_grant` is asked for once more before it ends the session.
            #expect(try await lab.renewals() == 2)
            #expect(session.state == .signedOut(.revoked))
        }
    }

    @Test func credentialsThatLastAreAnsweredWithoutTheCore() async throws {
        try await withLab { _, session in
            #expect(session.relay.credentials(lasting: .zero) == nil)
            try await session.login()
            let known = try #require(session.relay.credentials(lasting: .seconds(60)))
            #expect(try await session.credentials() == known)
            #expect(!known.renewed)
            #expect(session.relay.credentials(lasting: .seconds(3700)) == nil)
            // Far beyond what a token lasts, and what a clock can count.
            #expect(session.relay.credentials(lasting: .seconds(Int64.max / 4)) == nil)
            let renewed = try await session.renew()
            #expect(session.relay.credentials(lasting: .zero)?.accessToken == renewed.accessToken)
        }
    }

    @Test func snapshotOfAShortLivedTokenEndsWithTheToken() async throws {
        try await withLab(settings: ["token_expiration_seconds": 2]) { lab, session in
            try await session.login()
            let first = try await session.credentials(minTTL: .zero)
            #expect(session.relay.credentials(lasting: .zero) != nil)
            try await eventually { session.relay.credentials(lasting: .zero) == nil }
            // It ends by up to a millisecond early: whole ones cross.
            try await Task.sleep(for: .milliseconds(50))
            #expect(try await session.credentials(minTTL: .zero).accessToken != first.accessToken)
        }
    }

    @Test func logoutInvalidatesTheSnapshotBeforeItReturns() async throws {
        try await withLab { lab, session in
            for _ in 0..<5 {
                try await session.login()
                _ = try await session.credentials()
                try await session.logout()
                #expect(session.relay.credentials(lasting: .zero) == nil)
                #expect(await thrown { try await session.credentials() } == .loginRequired(.loggedOut))
            }
            // The server is asked only after nobody can get the token any more.
            try await session.login()
            try await lab.plan(#"{"endpoint": "revocation", "kind": {"delayed_answer": {"milliseconds": 1000}}}"#)
            let before = try await lab.requests().filter { $0.endpoint == "revocation" }.count
            let logout = Task { try await session.logout() }
            try await eventually { try await lab.requests().filter { $0.endpoint == "revocation" }.count > before }
            #expect(session.relay.credentials(lasting: .zero) == nil)
            #expect(await thrown { try await session.credentials() } == .loginRequired(.loggedOut))
            _ = try await logout.value
        }
    }

    @Test func unknownLifetimeIsValidUntilTheServerSaysOtherwise() async throws {
        try await withLab(settings: ["expires_in": "absent"]) { lab, session in
            try await session.login()
            let credentials = try await session.credentials()
            #expect(credentials.expiresAt == nil)
            #expect(session.relay.credentials(lasting: .seconds(86_400)) == credentials)
            #expect(try await lab.renewals() == 0)
        }
    }

    @Test func credentialsForAnotherApiAreNotTheLogins() async throws {
        try await withLab { _, session in
            try await session.login()
            let login = try await session.credentials()
            let other = try await session.credentials(audience: "https://api-1.example")
            #expect(other.accessToken != login.accessToken)
            #expect(session.relay.credentials(lasting: .zero)?.accessToken == login.accessToken)
        }
    }
}

@Suite(.timeLimit(.minutes(1)))
struct IDTokenTests {
    @Test func idTokenIsGivenOutAndShownNowhere() async throws {
        try await withLab { lab, session in
            #expect(await thrown { try await session.idToken() } == .loginRequired(.notSignedIn))
            try await session.login()
            let idToken = try await session.idToken()
            #expect(idToken.rawValue.split(separator: ".").count == 3 && idToken.expiresAt > Date())
            var dumped = "\(idToken) \(String(reflecting: idToken))"
            dump(idToken, to: &dumped)
            #expect(!dumped.contains(idToken.rawValue))
            #expect(try await lab.renewals() == 0)
            // Ten hours are what it lasts: for longer, another one is asked for.
            let later = try await session.idToken(minTTL: .seconds(3600 * 24))
            #expect(later.rawValue != idToken.rawValue)
            #expect(try await lab.renewals() == 1)
        }
    }

    @Test func stepUpBecomesTheLoginThatTheApiAsksFor() {
        let options = LoginOptions(StepUp(acrValues: "phr gold", maxAge: .seconds(300)))
        #expect(options.acrValues == "phr gold" && options.maxAge == .seconds(300))
        #expect(options.prompt.isEmpty)
    }
}
