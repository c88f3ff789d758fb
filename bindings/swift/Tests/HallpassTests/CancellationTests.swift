import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct CancellationTests {
    @Test func loginWhoseTaskIsCancelledEndsAsCancelledAndClosesTheBrowser() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let (isOpen, isClosed) = (Flag(), Flag())
        let browser = FakeBrowser { _, _ in
            isOpen.raise()
            do {
                try await Task.sleep(for: .seconds(3600))
            } catch {
                isClosed.raise()
                throw error
            }
            throw BrowserError.failed()
        }
        let session = try Session(lab.config(), store: .memory, browser: browser)
        let login = Task { try await session.login() }
        try await eventually { isOpen.isRaised }
        login.cancel()
        #expect(await thrown { try await login.value } == .cancelled)
        try await eventually { isClosed.isRaised }
        #expect(session.state == .signedOut(.notSignedIn))
    }

    @Test func loginWhoseTaskIsCancelledBeforeItsPageOpensNeverOpensIt() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let (opened, sent, mayGoOn) = (Flag(), Flag(), Flag())
        let network = URLSessionTransport()
        let transport = FakeTransport { request in
            sent.raise()
            while !mayGoOn.isRaised { try await Task.sleep(for: .milliseconds(2)) }
            return try await network.send(request)
        }
        let browser = FakeBrowser { _, _ in
            opened.raise()
            throw BrowserError.failed()
        }
        // Not Auth0's dialect, whose endpoints are known: here the metadata has to be fetched first.
        var config = lab.config()
        config.provider = .openIDConnect(issuer: lab.about.issuer.absoluteString)
        let session = try Session(config, store: .memory, browser: browser, transport: transport)
        let login = Task { try await session.login() }
        try await eventually { sent.isRaised }
        login.cancel()
        mayGoOn.raise()
        #expect(await thrown { try await login.value } == .cancelled)
        #expect(!opened.isRaised)
    }

    @Test func taskThatIsCancelledFromTheStartSendsNothing() async throws {
        try await withLab { lab, session in
            let login = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await session.login()
            }
            login.cancel()
            #expect(await thrown { try await login.value } == .cancelled)
            let seen = try await lab.requests()
            #expect(seen.isEmpty)
        }
    }

    @Test func loginAfterACancelledOneSucceeds() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let isFirst = Flag()
        let browser = FakeBrowser { page, redirectURI in
            if !isFirst.isRaised {
                isFirst.raise()
                try await Task.sleep(for: .seconds(3600))
            }
            return try await LabBrowser().open(page, redirectURI: redirectURI)
        }
        let session = try Session(lab.config(), store: .memory, browser: browser)
        for _ in 0..<1 {
            let login = Task { try await session.login() }
            try await eventually { isFirst.isRaised }
            login.cancel()
            #expect(await thrown { try await login.value } == .cancelled)
        }
        #expect(try await session.login().name == "Ada Lovelace")
    }

    @Test func codeThatIsBeingExchangedWhenTheTaskIsCancelledStillSignsIn() async throws {
        try await withLab { lab, session in
            try await lab.plan(#"{"endpoint": "token", "grant_type": "authorization_code", "kind": {"delayed_answer": {"milliseconds": 500}}}"#)
            let login = Task { try await session.login() }
            try await eventually { try await lab.requests().contains { $0.grantType == "authorization_code" } }
            login.cancel()
            _ = await login.result
            try await eventually { if case .signedIn = session.state { true } else { false } }
        }
    }

    @Test func renewalOutlivesTheTaskThatAskedForIt() async throws {
        try await withLab { lab, session in
            try await session.login()
            try await lab.plan(#"{"endpoint": "token", "grant_type": "refresh_token", "kind": {"delayed_answer": {"milliseconds": 300}}}"#)
            let first = try await session.credentials()
            let renewal = Task { try await session.renew() }
            try await eventually { try await lab.renewals() == 1 }
            renewal.cancel()
            #expect(try await renewal.value.accessToken != first.accessToken)
            #expect(try await session.credentials().accessToken != first.accessToken)
            #expect(try await lab.renewals() == 1)
        }
    }

    @Test func secondLoginTakesThePlaceOfTheFirst() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let isFirst = Flag()
        let browser = FakeBrowser { page, redirectURI in
            if !isFirst.isRaised {
                isFirst.raise()
                try await Task.sleep(for: .seconds(3600))
            }
            return try await LabBrowser().open(page, redirectURI: redirectURI)
        }
        let session = try Session(lab.config(), store: .memory, browser: browser)
        let first = Task { try await session.login() }
        try await eventually { isFirst.isRaised }
        let user = try await session.login()
        #expect(await thrown { try await first.value } == .cancelled)
        first.cancel()
        #expect(session.state == .signedIn(user))
    }
}

/// Something that has happened.
final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false

    var isRaised: Bool { lock.withLock { value } }
    func raise() { lock.withLock { value = true } }
}
