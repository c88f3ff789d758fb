import Foundation
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

/// Ports that an app brings: that they are used, and that whatever they throw does no harm.
@Suite(.timeLimit(.minutes(2)))
struct PortTests {
    private struct SomethingElse: Error {}

    @Test func urlSessionCarriesTheWholeExercise() async throws {
        try await withLab(transport: URLSessionTransport()) { lab, session in
            try await session.login()
            try await session.renew()
            let reply = try await session.call(.get(lab.about.apiURL))
            #expect(reply.status == 200)
            #expect(try await session.logout().revoked)
        }
    }

    @Test func urlSessionTellsWhetherTheServerCanHaveActed() async throws {
        let lab = try await LabServer()
        let transport = URLSessionTransport(timeout: .seconds(10))
        let request = { (path: String, limit: Int) in
            TransportRequest(method: "GET", url: URL(string: path, relativeTo: lab.about.issuer)!.absoluteURL, maxResponseBytes: limit)
        }
        let error = { (request: TransportRequest) async -> TransportError? in
            do { _ = try await transport.send(request); return nil } catch { return error as? TransportError }
        }
        #expect(await error(request("dashboard", 10)) == .tooLarge)
        try await lab.plan(#"{"endpoint": "openid_configuration", "times": "always", "kind": "lost_answer"}"#)
        #expect(await error(request(".well-known/openid-configuration", 1 << 20)) == .noAnswer)
        // A redirect is an answer.
        try await lab.admin("DELETE", "faults")
        try await lab.plan(#"{"endpoint": "openid_configuration", "kind": {"redirect": {"status": 307, "location": null}}}"#)
        #expect(try await transport.send(request(".well-known/openid-configuration", 1 << 20)).status == 307)
        let known = request("dashboard", 10)
        lab.stop()
        #expect(await error(known) == .unreachable)
    }

    @Test(arguments: [false, true])
    func tokenRequestFollowsNoRedirect(usesURLSession: Bool) async throws {
        let clock = ShiftedClock()
        try await withLab(transport: usesURLSession ? URLSessionTransport() : nil, clock: clock) { lab, session in
            try await session.login()
            for status in [301, 302, 303, 307, 308] {
                // A refusal is not asked for again at once.
                clock.advance(by: .seconds(60))
                try await lab.plan(#"{"endpoint": "token", "kind": {"redirect": {"status": \#(status), "location": null}}}"#)
                let error = await thrown { try await session.renew() }
                #expect(error?.code == "token_endpoint_redirect", "\(status)")
            }
            #expect(try await lab.renewals() == 5)
            #expect(try await lab.requests().filter { $0.endpoint == "redirected" }.isEmpty)
            #expect(session.user != nil)
        }
    }

    @Test func transportThatThrowsAnythingMeansThatTheServerMayHaveActed() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let transport = FakeTransport { _ in throw SomethingElse() }
        let session = try Session(lab.config(), store: .memory, browser: LabBrowser(), transport: transport)
        let error = await thrown { try await session.login() }
        guard case .offline(.noAnswer, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!transport.requests.isEmpty)
    }

    @Test(arguments: [
        (TransportError.unreachable, "unreachable"), (.tls, "tls"), (.noAnswer, "no_answer"),
        (.tooLarge, "response_too_large"), (.invalidRequest, "request"),
    ])
    func transportErrorBecomesTheErrorOfTheVerb(failure: TransportError, code: String) async throws {
        let session = try Session(
            .openIDConnect(issuer: "https://login.example.com/", clientID: "c", redirectURI: "com.example.app:/callback"),
            store: .memory, browser: LabBrowser(), transport: FakeTransport { _ in throw failure })
        let error = await thrown { try await session.login() }
        #expect(error?.code == code)
    }

    @Test func answerWithAnImpossibleStatusIsNoAnswer() async throws {
        let session = try Session(
            .openIDConnect(issuer: "https://login.example.com/", clientID: "c", redirectURI: "com.example.app:/callback"),
            store: .memory, browser: LabBrowser(), transport: FakeTransport { _ in TransportResponse(status: -1) })
        let error = await thrown { try await session.login() }
        #expect(error?.code == "no_answer")
    }

    @Test func storeThatThrowsAnythingHasFailed() async throws {
        struct Broken: SecureStore {
            let identity = "broken"
            func load(_ name: String) async throws -> String? { throw SomethingElse() }
            func save(_ value: String, under name: String) async throws { throw SomethingElse() }
            func delete(_ name: String) async throws { throw SomethingElse() }
            func names() async throws -> [String] { throw SomethingElse() }
        }
        let config = Config.openIDConnect(issuer: "https://login.example.com/", clientID: "c", redirectURI: "com.example.app:/callback")
        let session = try Session(config, store: .custom(Broken()))
        #expect(await thrown { try await session.credentials() }?.code == "storage_failed")
        #expect(isRestoring(session.state))
        #expect(await thrown { try await Session.accounts(config, store: .custom(Broken())) }?.code == "storage_failed")
    }

    @Test func rotatedTokenThatCouldNotBeSavedIsKeptAndSavedLater() async throws {
        let store = InMemoryStore()
        try await withLab(store: .custom(store), settings: ["refresh_token_rotation": true]) { lab, session in
            try await session.login()
            store.failure = .failed
            #expect(await thrown { try await session.renew() }?.code == "storage_failed")
            #expect(session.user != nil)
            store.failure = nil
            try await session.renew()
            #expect(session.user != nil)
        }
    }

    @Test func sessionIsRestoredFromTheStoreOfThePreviousOne() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let store = InMemoryStore()
        var session: Session? = try Session(lab.config(), store: .custom(store), browser: LabBrowser())
        let user = try await session?.login()
        session = nil
        try await eventually {
            session = try? Session(lab.config(), store: .custom(store), browser: LabBrowser())
            return session != nil
        }
        #expect(try await session?.restored() == user.map { .signedIn($0) })
        #expect(try await lab.renewals() == 0)
    }

    @Test(arguments: [
        (BrowserError.cancelled as any Error, "cancelled"), (CancellationError(), "cancelled"), (BrowserError.failed(), "browser"),
        (SomethingElse(), "browser"),
    ])
    func browserThatThrowsEndsTheLogin(failure: any Error, code: String) async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let session = try Session(lab.config(), store: .memory, browser: FakeBrowser { _, _ in throw failure })
        let error = await thrown { try await session.login() }
        #expect(error?.code == code)
    }

    @Test(arguments: [(BrowserProblem.notShown, "not_shown: "), (.noneAllowed, "none_allowed: ")])
    func browserThatWouldNotDoSaysWhy(problem: BrowserProblem, code: String) async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let session = try Session(lab.config(), store: .memory, browser: FakeBrowser { _, _ in throw BrowserError.failed(problem) })
        guard case .misconfigured("browser", let fix) = await thrown({ try await session.login() }) else {
            Issue.record("another error")
            return
        }
        #expect(fix.hasPrefix(code))
    }

    @Test func browserOfAnImpostorIsNotTrusted() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let callback = URL(string: "com.example.hallpass.lab:/callback?code=stolen&state=guessed")!
        let session = try Session(lab.config(), store: .memory, browser: FakeBrowser { _, _ in callback })
        let error = await thrown { try await session.login() }
        guard case .untrusted = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// A verb of a session that one of its own ports calls would wait for the port, which waits for the verb.
    @Test func verbThatAPortCallsIsRefusedInsteadOfWaitingForItself() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let holder = Holder()
        let store = InMemoryStore()
        let network = URLSessionTransport()
        let session = try Session(
            lab.config(), store: .custom(CallingStore(store: store, holder: holder)), browser: LabBrowser(),
            transport: FakeTransport { request in
                if request.url.path.hasSuffix("/token") { await holder.call { try await $0.renew() } }
                return try await network.send(request)
            })
        holder.session = session
        try await session.login()
        try await session.renew()
        let refused = holder.errors
        #expect(refused.count >= 4)
        #expect(refused.allSatisfy { $0?.code == "session" && $0?.isRetryable == false }, "\(refused)")
        // Once the port has returned, what it started may call.
        await holder.later?.value
        #expect(holder.late == [nil])
        holder.session = nil
    }
}

/// The session that its own ports call.
private final class Holder: @unchecked Sendable {
    private let lock = NSLock()
    private var (content, thrown, afterwards): (Session?, [HallpassError?], [HallpassError?]) = (nil, [], [])
    private var started: Task<Void, Never>?

    var session: Session? {
        get { lock.withLock { content } }
        set { lock.withLock { content = newValue } }
    }
    var errors: [HallpassError?] { lock.withLock { thrown } }
    var late: [HallpassError?] { lock.withLock { afterwards } }
    var later: Task<Void, Never>? { lock.withLock { started } }

    func call(_ verb: (Session) async throws -> some Any) async {
        guard let session else { return }
        let error = await HallpassTests.thrown { try await verb(session) }
        lock.withLock { thrown.append(error) }
    }

    /// Starts a task that outlives the call that it was started in.
    func callLater() {
        lock.withLock {
            guard started == nil, let session = content else { return }
            started = Task {
                try? await Task.sleep(for: .milliseconds(300))
                let error = await HallpassTests.thrown { try await session.restored() }
                lock.withLock { afterwards.append(error) }
            }
        }
    }
}

private struct CallingStore: SecureStore {
    let store: InMemoryStore
    let holder: Holder
    var identity: String { store.identity }

    func load(_ name: String) async throws -> String? {
        await holder.call { try await $0.restored() }
        return try await store.load(name)
    }

    func save(_ value: String, under name: String) async throws {
        await holder.call { try await $0.logout() }
        holder.callLater()
        try await store.save(value, under: name)
    }

    func delete(_ name: String) async throws { try await store.delete(name) }
    func names() async throws -> [String] { try await store.names() }
}
