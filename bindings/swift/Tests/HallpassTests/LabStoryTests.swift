import Foundation
import Hallpass
import LabSupport
import Testing

/// The exercise, step by step, against the real tenant.
@Suite(.timeLimit(.minutes(2)))
struct LabStoryTests {
    @Test func renewalBeforeAnyLoginSaysThatNobodyIsSignedInAndSendsNothing() async throws {
        try await withLab { lab, session in
            let error = await thrown { try await session.renew() }
            #expect(error == .loginRequired(.notSignedIn))
            let seen = try await lab.requests()
            #expect(seen.isEmpty)
        }
    }

    @Test func loginWithoutOfflineAccessGivesNoRefreshToken() async throws {
        try await withLab(settings: ["allow_offline_access": false]) { _, session in
            let user = try await session.login()
            #expect(user.name == "Ada Lovelace")
            #expect(await thrown { try await session.renew() } == .loginRequired(.noRefreshToken))
            #expect(session.user == user)
        }
    }

    @Test func loginGivesTheUserAndCredentialsAndTheApiTakesThem() async throws {
        try await withLab { lab, session in
            #expect(try await session.restored() == .signedOut(.notSignedIn))
            let user = try await session.login()
            #expect(session.state == .signedIn(user))
            let credentials = try await session.credentials()
            #expect(credentials.tokenType == "Bearer")
            #expect(credentials.scope.split(separator: " ").contains("read:reports"))
            let left = try #require(credentials.expiresAt).timeIntervalSinceNow
            #expect((3500...3700).contains(left))
            let reply = try await session.call(.get(lab.about.apiURL))
            #expect(reply.status == 200 && reply.renewals == 0)
        }
    }

    @Test func renewalSendsOneRequestAndKeepsTheRefreshToken() async throws {
        try await withLab { lab, session in
            try await session.login()
            let first = try await session.credentials()
            let second = try await session.renew()
            let third = try await session.renew()
            #expect(Set([first.accessToken, second.accessToken, third.accessToken]).count == 3)
            let renewals = try await lab.requests().filter { $0.grantType == "refresh_token" }
            #expect(renewals.count == 2)
            #expect(renewals[0].parameters?["refresh_token"] == renewals[1].parameters?["refresh_token"])
        }
    }

    @Test func rotationReplacesTheRefreshTokenAndTheSessionGoesOn() async throws {
        try await withLab(settings: ["refresh_token_rotation": true]) { lab, session in
            try await session.login()
            try await session.renew()
            try await session.renew()
            let renewals = try await lab.requests().filter { $0.grantType == "refresh_token" }
            #expect(renewals.count == 2)
            #expect(renewals[0].parameters?["refresh_token"] != renewals[1].parameters?["refresh_token"])
        }
    }

    @Test func tokenThatOnlyTheApiKnowsToBeOverIsRenewedOnceAndTheCallRepeatedOnce() async throws {
        try await withLab { lab, session in
            try await session.login()
            #expect(try await session.call(.get(lab.about.apiURL)).status == 200)
            try await lab.admin("POST", "expire-access-tokens")
            let reply = try await session.call(.get(lab.about.apiURL))
            #expect(reply.status == 200 && reply.renewals == 1)
            #expect(try await lab.renewals() == 1)
        }
    }

    @Test func tokenThatTheDeviceKnowsToBeOverIsRenewedBeforeTheCall() async throws {
        let clock = ShiftedClock()
        try await withLab(clock: clock, settings: ["token_expiration_seconds": 10]) { lab, session in
            try await session.login()
            clock.advance(by: .seconds(11))
            try await lab.admin("POST", "advance", body: Data(#"{"seconds": 11}"#.utf8))
            let reply = try await session.call(.get(lab.about.apiURL))
            #expect(reply.status == 200 && reply.renewals == 1)
            let refused = try await lab.requests().filter { $0.endpoint == "api" }
            #expect(refused.count == 1)
        }
    }

    @Test func logoutErasesRevokesAndTheRefreshTokenIsOver() async throws {
        try await withLab { lab, session in
            try await session.login()
            let outcome = try await session.logout()
            #expect(outcome == LoggedOut(erased: true, revoked: true, sessionEnded: false))
            #expect(session.state == .signedOut(.loggedOut) && session.user == nil)
            #expect(await thrown { try await session.credentials() } == .loginRequired(.loggedOut))
            #expect(try await lab.requests().filter { $0.endpoint == "revocation" }.count == 1)
        }
    }

    @Test func logoutOfTheServersSessionToo() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        var config = lab.config()
        config.postLogoutRedirectURI = LabServer.redirectURI
        let session = try Session(config, store: .memory, browser: LabBrowser())
        try await session.login()
        let url = try await session.logoutURL()
        #expect(url.path == "/v2/logout" || url.path == "/oidc/logout")
        let outcome = try await session.logout(LogoutOptions(endSession: true))
        #expect(outcome == LoggedOut(erased: true, revoked: true, sessionEnded: true))
    }

    @Test func loginWhosePageTheAppOpensIsFinishedByALaterSession() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let started: StartedLogin
        do {
            let session = try Session(lab.config(), store: .dangerPlainFiles(folder))
            started = try await session.startLogin()
        }
        let callback = try await LabBrowser().open(started.url, redirectURI: LabServer.redirectURI)
        #expect(callback.query?.contains(started.state) == true)
        let later = try await opened(lab.config(), .dangerPlainFiles(folder))
        let user = try await later.resume(callback)
        #expect(later.user == user)
        #expect(try await Session.accounts(lab.config(), store: .dangerPlainFiles(folder)) == ["default"])
        #expect(await thrown { try await later.resume(callback) }?.code == "callback_without_login")
        #expect(later.user == user)
    }

    @Test func userinfoIsAboutTheSignedInUser() async throws {
        try await withLab { _, session in
            struct Claims: Decodable { let sub: String }
            let user = try await session.login()
            let told = try await session.userinfo()
            #expect(told.sub == user.sub && told.email == user.email)
            #expect(try told.claims(as: Claims.self).sub == user.sub)
            #expect(try user.claims(as: Claims.self).sub == user.sub)
        }
    }

    /// The work of a session that was dropped may go on for a moment; until then its account is taken.
    private func opened(_ config: Config, _ store: Store) async throws -> Session {
        var session: Session?
        try await eventually {
            session = try? Session(config, store: store)
            return session != nil
        }
        return try #require(session)
    }
}
