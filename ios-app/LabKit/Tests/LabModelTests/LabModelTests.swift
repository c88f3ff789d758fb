import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing

@testable import LabModel

/// The app's logic, against the real core and the real tenant.
@MainActor
@Suite(.timeLimit(.minutes(2)))
struct LabModelTests {
    private func withModel(
        browser: any Browser = LabBrowser(), _ body: (LabServer, LabModel) async throws -> Void
    ) async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        var settings = LabSettings()
        settings.issuer = lab.about.issuer.absoluteString
        settings.apiAddress = lab.about.apiURL.absoluteString
        let model = LabModel(settings: settings) { settings in
            try Session(settings.config, store: .memory, browser: browser)
        }
        model.start()
        try await eventually { model.state == .signedOut(.notSignedIn) }
        try await body(lab, model)
    }

    private func eventually(_ condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func refreshTokenBeforeAnyLoginSaysSoAndSendsNothing() async throws {
        try await withModel { lab, model in
            await model.perform(.refreshToken)
            #expect(model.failure == "No Refresh Token found")
            let seen = try await lab.requests()
            #expect(seen.isEmpty)
        }
    }

    @Test func wholeExerciseIsPlayedByTheFourButtons() async throws {
        try await withModel { lab, model in
            await model.perform(.logIn)
            try await eventually { model.user?.name == "Ada Lovelace" }
            let left = try #require(model.secondsLeft(at: .now))
            #expect((3500...3600).contains(left))
            await model.perform(.callAPI)
            #expect(!model.expenses.isEmpty && model.failure == nil)
            await model.perform(.refreshToken)
            #expect(try await lab.renewals() == 1)
            try await lab.admin("POST", "expire-access-tokens")
            await model.perform(.callAPI)
            #expect(model.logText.contains("API answered 200 after a renewal"))
            await model.perform(.logOut)
            try await eventually { model.state == .signedOut(.loggedOut) }
            #expect(model.expenses.isEmpty && model.expiresAt == nil && model.secondsLeft(at: .now) == nil)
            #expect(!model.logText.contains("eyJ"))
        }
    }

    @Test func loginThatIsCancelledIsNoFailure() async throws {
        let browser = FakeBrowser { _, _ in
            try await Task.sleep(for: .seconds(3600))
            throw BrowserError.failed()
        }
        try await withModel(browser: browser) { _, model in
            let login = Task { await model.perform(.logIn) }
            try await eventually { model.running == .logIn }
            // A second button does nothing meanwhile.
            await model.perform(.logOut)
            model.cancel()
            await login.value
            #expect(model.failure == nil && model.running == nil)
            #expect(model.log.last?.text == "Cancelled")
        }
    }

    @Test func wrongSettingIsToldAndTheButtonsDoNoHarm() async throws {
        var settings = LabSettings()
        settings.issuer = ""
        let model = LabModel(settings: settings) { try Session($0.config, store: .memory) }
        model.start()
        #expect(model.failure?.contains("domain") == true)
        await model.perform(.logIn)
        #expect(model.failure != nil && model.running == nil)
    }

    @Test func sessionThatCannotBeRenewedSaysWhyUntilTheUserSignsInAgain() {
        let model = LabModel { try Session($0.config, store: .memory) }
        let ada = User(sub: "auth0|1", name: "Ada Lovelace")
        for (state, obstacle) in [
            (.loginRequired(ada, .noRefreshToken), "Your session has expired."),
            (.loginRequired(ada, .refused), "The server does not renew your session."),
            (.restoring(.locked), "Unlock this device"), (.restoring(.failed), "cannot be read"),
        ] as [(Session.State, String)] {
            model.follow(state)
            #expect(model.obstacle?.contains(obstacle) == true, "\(state)")
        }
        model.follow(.loginRequired(ada, .refused))
        #expect(model.user?.name == "Ada Lovelace")
        for state in [.signedIn(ada), .signedOut(.loggedOut), .restoring(nil)] as [Session.State] {
            model.follow(state)
            #expect(model.obstacle == nil)
        }
    }

    @Test func storeThatIsLockedAtTheStartIsReadWhenTheAppComesToTheForeground() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let store = InMemoryStore()
        store.failure = .locked
        var settings = LabSettings()
        settings.issuer = lab.about.issuer.absoluteString
        let model = LabModel(settings: settings) { try Session($0.config, store: .custom(store)) }
        model.start()
        await model.reload()
        store.failure = nil
        await model.reload()
        try await eventually { model.state == .signedOut(.notSignedIn) }
    }

    @Test func otherSettingsOpenAnotherSession() async throws {
        try await withModel { _, model in
            await model.perform(.logIn)
            var settings = model.settings
            settings.asksForOfflineAccess = false
            model.apply(settings)
            try await eventually { model.state == .signedOut(.notSignedIn) }
            await model.perform(.logIn)
            await model.perform(.refreshToken)
            #expect(model.failure == "No Refresh Token found")
            model.clearLog()
            #expect(model.log.isEmpty)
        }
    }

    @Test func settingsSurviveBeingStored() throws {
        var settings = LabSettings()
        settings.asksForBiometry = true
        let stored = try JSONEncoder().encode(settings)
        #expect(try JSONDecoder().decode(LabSettings.self, from: stored) == settings)
        #expect(settings.config.scope == "openid profile read:reports offline_access")
    }
}
