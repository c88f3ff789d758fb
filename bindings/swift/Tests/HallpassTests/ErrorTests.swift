import Foundation
internal import HallpassBindings
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

/// Each kind of error, caused for real, and held against what the core says of it.
@Suite(.timeLimit(.minutes(2)))
struct ErrorTests {
    /// The error of a verb, in this module's words and in the core's.
    private func both(
        _ session: Hallpass.Session, _ verb: (HallpassBindings.Session) async throws -> some Any
    ) async throws -> Hallpass.HallpassError {
        do {
            _ = try await verb(session.core)
        } catch let error as HallpassBindings.HallpassError {
            let ours = Hallpass.HallpassError(crossing: error)
            let details = error.details
            #expect(ours.code == details.code)
            #expect(ours.isRetryable == details.isRetryable)
            #expect(ours.description == details.message)
            #expect(ours.localizedDescription == ours.description)
            return ours
        }
        throw NothingThrown()
    }

    private struct NothingThrown: Error {}

    private let request = CredentialsRequest(minTtlMilliseconds: 60_000, audience: nil, scope: nil)

    @Test func loginRequired() async throws {
        try await withLab { _, session in
            let error = try await both(session) { try await $0.renew(request: request) }
            #expect(error == .loginRequired(.notSignedIn))
        }
    }

    @Test func cancelledAndDenied() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let cancelled = try Session(lab.config(), store: .memory, browser: FakeBrowser { _, _ in throw BrowserError.cancelled })
        let first = try await both(cancelled) { try await $0.login(options: .init(LoginOptions())) }
        #expect(first == .cancelled)
        let denied = try Session(lab.config(), account: "denied", store: .memory, browser: LabBrowser(.cancels))
        let second = try await both(denied) { try await $0.login(options: .init(LoginOptions())) }
        #expect(second.code == "access_denied")
    }

    @Test func offlineWithEachCause() async throws {
        try await withLab { lab, session in
            try await session.login()
            try await lab.plan(#"{"endpoint": "token", "times": "always", "kind": {"too_many_requests": {"seconds": 5, "retry_after": "seconds"}}}"#)
            let limited = try await both(session) { try await $0.renew(request: request) }
            guard case .offline(.rateLimited, let wait?) = limited else { throw NothingThrown() }
            // As told, rounded up by up to a second, and up to a quarter more, so that a crowd does not come back as one.
            #expect(wait > .seconds(4) && wait <= .milliseconds(7500))
        }
        for (kind, cause) in [
            ("internal_server_error", Hallpass.OfflineCause.serverFailed), ("html_body", .unexpectedAnswer), ("lost_request", .noAnswer),
        ] as [(String, Hallpass.OfflineCause)] {
            try await withLab { lab, session in
                try await session.login()
                try await lab.plan(#"{"endpoint": "token", "times": "always", "kind": "\#(kind)"}"#)
                let error = try await both(session) { try await $0.renew(request: request) }
                guard case .offline(cause, _) = error else {
                    Issue.record("\(kind): \(error)")
                    return
                }
                // The user stays signed in.
                #expect(session.user != nil)
            }
        }
    }

    @Test func offlineWhenNobodyListens() async throws {
        let lab = try await LabServer()
        let session = try Session(lab.config(), store: .memory, browser: LabBrowser())
        try await session.login()
        lab.stop()
        let error = try await both(session) { try await $0.renew(request: request) }
        guard case .offline(.unreachable, _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(session.user != nil)
    }

    @Test func untrusted() async throws {
        try await withLab { lab, session in
            try await lab.plan(#"{"endpoint": "token", "kind": {"patched_id_token": {"claims": {"nonce": "another"}}}}"#)
            let error = try await both(session) { try await $0.login(options: .init(LoginOptions())) }
            #expect(error == .untrusted(check: "id_token_nonce"))
            #expect(session.user == nil)
        }
    }

    @Test func misconfigured() async throws {
        try await withLab { lab, session in
            try await session.login()
            let elsewhere = ApiRequest.get(URL(string: "https://elsewhere.example/")!)
            let error = try await both(session) { try await $0.call(request: .init(elsewhere)) }
            #expect(error.code == "api_origins")
            // A second session on the same account and store would fight with the first.
            let store = InMemoryStore()
            let first = try Session(lab.config(), account: "twice", store: .custom(store))
            let second = await thrown { try Session(lab.config(), account: "twice", store: .custom(store)) }
            #expect(second?.code == "account")
            withExtendedLifetime(first) {}
        }
    }

    @Test(arguments: [
        (Config.auth0(domain: "YOUR_DOMAIN", clientID: "c", redirectURI: "com.example.app:/callback"), "domain"),
        (Config.auth0(domain: "tenant.eu.auth0.com", clientID: "", redirectURI: "com.example.app:/callback"), "client_id"),
        (Config.auth0(domain: "tenant.eu.auth0.com", clientID: "c", redirectURI: "nothing"), "redirect_uri"),
        (Config.openIDConnect(issuer: "http://login.example.com", clientID: "c", redirectURI: "com.example.app:/callback"), "issuer"),
    ])
    func settingThatIsWrongIsNamed(config: Hallpass.Config, field: String) async {
        let error = await thrown { try Session(config, store: .memory) }
        #expect(error?.code == field)
        #expect(error?.isRetryable == false)
    }

    @Test func storage() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        for (failure, expected) in [
            (.locked, .storage(.locked, detail: "")), (.failed, .storage(.failed, detail: "the app's store failed")),
        ] as [(StoreError, Hallpass.HallpassError)] {
            let store = InMemoryStore()
            store.failure = failure
            let session = try Session(lab.config(), store: .custom(store))
            let error = try await both(session) { try await $0.credentials(request: request) }
            #expect(error == expected)
            #expect(isRestoring(session.state))
            // A store that comes back is read, and nobody was signed out.
            store.failure = nil
            let after = try await both(session) { try await $0.credentials(request: request) }
            #expect(after == .loginRequired(.notSignedIn))
        }
    }

    /// On Apple's systems the detail has the `OSStatus`; on this one the Keychain is a Secret Service that is not there.
    @Test func storageFailureOfTheSystemTellsItsReason() async throws {
        #if os(Linux)
        let config = Config.auth0(domain: "login.example.com", clientID: "c", redirectURI: "com.example.app:/callback")
        let session = try Session(config, store: .keychain(service: "com.example", biometry: .userPresence))
        let error = try await both(session) { try await $0.credentials(request: request) }
        #expect(error == .storage(.failed, detail: "the Secret Service cannot ask for the user's presence"))
        #endif
    }

    @Test func whatIsNoErrorOfTheCoreIsInternal() {
        #expect(HallpassError(crossing: CancellationError()) == .internal(reference: "foreign_call_failed"))
        #expect(HallpassError.internal(reference: "x").description == "internal error (x)")
    }

    @Test func eachCaseCanBeCaughtByItsName() async throws {
        let session = try Session(
            .auth0(domain: "login.example.com", clientID: "c", redirectURI: "com.example.app:/callback"),
            store: .memory)
        do {
            try await session.renew()
            Issue.record("renewed without a login")
        } catch .loginRequired(let reason) {
            #expect(reason == .notSignedIn)
        } catch {
            Issue.record("\(error.code)")
        }
    }
}

extension HallpassBindings.HallpassError {
    var details: ErrorDetails {
        switch self {
        case .Cancelled(let details), .LoginRequired(let details, _), .StepUpRequired(let details, _, _),
            .Offline(let details, _, _), .Denied(let details, _), .Storage(let details, _, _), .Untrusted(let details),
            .Misconfigured(let details, _), .Internal(let details):
            details
        }
    }
}
