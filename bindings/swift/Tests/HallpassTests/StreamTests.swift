import Foundation
internal import HallpassBindings
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

@Suite(.timeLimit(.minutes(2)))
struct StreamTests {
    @Test func statesBeginWithThePresentOneAndFollowEachChange() async throws {
        try await withLab { _, session in
            try await session.restored()
            var states = session.states.makeAsyncIterator()
            #expect(await states.next() == .signedOut(.notSignedIn))
            let user = try await session.login()
            #expect(await states.next() == .signedIn(user))
            try await session.logout()
            #expect(await states.next() == .signedOut(.loggedOut))
        }
    }

    @Test func slowReaderGetsTheLatestStateOnly() async throws {
        try await withLab { _, session in
            try await session.restored()
            var states = session.states.makeAsyncIterator()
            try await session.login()
            try await session.logout()
            #expect(await states.next() == .signedOut(.loggedOut))
        }
    }

    @Test func eventsTellWhatHappenedInItsOrder() async throws {
        try await withLab { lab, session in
            var events = session.events.makeAsyncIterator()
            try await session.login()
            try await session.renew()
            try await lab.plan(#"{"endpoint": "token", "times": "always", "kind": "internal_server_error"}"#)
            _ = await thrown { try await session.renew() }
            try await session.logout()
            #expect(await events.next() == .signedIn)
            #expect(await events.next() == .renewed)
            #expect(await events.next() == .renewalFailed(isRetryable: true, code: "server_failed"))
            #expect(await events.next() == .signedOut(.loggedOut))
        }
    }

    /// The generated code makes a state of what crosses; here each case comes out as this module's own.
    @Test func everyStateAndEventOfTheCoreIsOneOfThisModule() {
        let ada = HallpassBindings.User(
            sub: "auth0|1", name: nil, givenName: nil, familyName: nil, nickname: nil, preferredUsername: nil, email: nil,
            emailVerified: nil, picture: nil, locale: nil, claims: "{}")
        let user = Hallpass.User(sub: "auth0|1")
        for (state, expected) in [
            (.restoring(problem: nil), .restoring(nil)), (.restoring(problem: .locked), .restoring(.locked)),
            (.signedOut(reason: .revoked, code: "revoked"), .signedOut(.revoked)), (.signedIn(user: ada), .signedIn(user)),
            (.loginRequired(user: ada, reason: .refused, code: "refused"), .loginRequired(user, .refused)),
        ] as [(HallpassBindings.State, Hallpass.Session.State)] {
            #expect(Hallpass.Session.State(state) == expected)
        }
        for (event, expected) in [
            (.signedIn, .signedIn), (.renewed, .renewed),
            (.renewalFailed(isRetryable: true, code: "no_answer"), .renewalFailed(isRetryable: true, code: "no_answer")),
            (.idTokenRejected(check: "id_token_audience"), .idTokenRejected(check: "id_token_audience")),
            (.signedOut(reason: .loggedOut, code: "logged_out"), .signedOut(.loggedOut)),
        ] as [(HallpassBindings.Event, Hallpass.Session.Event)] {
            #expect(Hallpass.Session.Event(event) == expected)
        }
        #expect(Hallpass.Session.State.loginRequired(user, .refused).user == user)
        #expect(Hallpass.Session.State.restoring(.failed).user == nil)
    }

    @Test func sessionThatIsReloadedTellsWhatIsStored() async throws {
        let store = InMemoryStore()
        let lab = try await LabServer()
        defer { lab.stop() }
        var first: Hallpass.Session? = try Hallpass.Session(lab.config(), store: .custom(store), browser: LabBrowser())
        let user = try await first?.login()
        first = nil
        store.failure = .locked
        var second: Hallpass.Session?
        try await eventually {
            second = try? Hallpass.Session(lab.config(), store: .custom(store))
            return second != nil
        }
        #expect(await thrown { try await second?.reload() } == .storage(.locked, detail: ""))
        store.failure = nil
        #expect(try await second?.reload() == user.map { .signedIn($0) })
        #expect(second?.user == user)
    }

    @Test func sessionThatCannotBeRenewedKeepsItsUserAndAsksForALogin() async throws {
        let clock = ShiftedClock()
        try await withLab(offline: false, clock: clock) { _, session in
            let user = try await session.login()
            var states = session.states.makeAsyncIterator()
            #expect(await states.next() == .signedIn(user))
            clock.advance(by: .seconds(3600))
            #expect(await thrown { try await session.credentials() } == .loginRequired(.noRefreshToken))
            #expect(await states.next() == .loginRequired(user, .noRefreshToken))
            #expect(session.user == user)
            // Another login is the way back.
            let again = try await session.login()
            #expect(session.state == .signedIn(again))
        }
    }

    @Test func idTokenOfARenewalThatFailsACheckIsAnEventAndTheUserStays() async throws {
        try await withLab(settings: ["refresh_token_rotation": true]) { lab, session in
            let user = try await session.login()
            var events = session.events.makeAsyncIterator()
            try await lab.plan(#"{"endpoint": "token", "kind": {"patched_id_token": {"claims": {"iat": null}}}}"#)
            try await session.renew()
            #expect(await events.next() == .idTokenRejected(check: "id_token_iat"))
            #expect(await events.next() == .renewed)
            #expect(session.user == user)
            // The next refresh token came with it.
            try await session.renew()
        }
    }

    @Test func streamsEndWithTheSession() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        var session: Hallpass.Session? = try Hallpass.Session(lab.config(), store: .memory, browser: LabBrowser())
        let (states, events) = (session!.states, session!.events)
        let reader = Task {
            for await _ in states {}
            for await _ in events {}
        }
        try await session?.restored()
        session = nil
        await reader.value
    }

    @Test func readerThatGoesAwayIsForgotten() async throws {
        try await withLab { _, session in
            let reader = Task { for await _ in session.states {} }
            reader.cancel()
            await reader.value
            try await session.login()
        }
    }

    @Test func everySubscriberSeesTheLogin() async throws {
        try await withLab { _, session in
            let readers = (0..<20).map { _ in
                Task {
                    for await state in session.states { if case .signedIn(let user) = state { return user } }
                    throw CancellationError()
                }
            }
            let user = try await session.login()
            for reader in readers { #expect(try await reader.value == user) }
        }
    }

    /// What a root view does: it reacts to an event by cancelling the tasks of the views that watch as well, while the core is
    /// still telling the next of them.
    @Test func watchersThatAreCancelledWhileTheyAreToldFreezeNobody() async throws {
        let relay = Relay()
        await repeatsWithoutFreezing(100) {
            let others = (0..<5).map { _ in
                let events = relay.events()
                return Task { for await _ in events {} }
            }
            let events = relay.events()
            let root = Task {
                for await _ in events {
                    for other in others { other.cancel() }
                    return
                }
            }
            let core = Task.detached { for _ in 0..<20 { try? relay.happened(event: .renewed) } }
            await root.value
            await core.value
            for other in others { await other.value }
        }
    }

    @Test func stormOfWatchersThatComeAndGoFreezesNobody() async throws {
        let relay = Relay()
        await repeatsWithoutFreezing(15) {
            let isOver = Locked(false)
            // The core's own thread.
            Thread.detachNewThread {
                var number = 0
                while !isOver.withLock({ $0 }) {
                    number += 1
                    try? relay.happened(event: .renewed)
                    try? relay.stateChanged(state: .signedOut(reason: number.isMultiple(of: 2) ? .revoked : .loggedOut, code: ""))
                }
            }
            let watchers = (0..<300).map { number in
                Task.detached {
                    if number.isMultiple(of: 2) { for await _ in relay.states() {} } else { for await _ in relay.events() {} }
                }
            }
            for watcher in watchers {
                watcher.cancel()
                await Task.yield()
            }
            for watcher in watchers { await watcher.value }
            isOver.withLock { $0 = true }
        }
    }

    @Test func statesReachEachWatcherInTheirOrderHoweverManyThreadsTell() async throws {
        let relay = Relay()
        let streams = (0..<5).map { _ in relay.events() }
        try await Task.detached { for index in 0..<100 { try relay.happened(event: .renewalFailed(isRetryable: false, code: "\(index)")) } }.value
        relay.finish()
        for stream in streams {
            var codes: [String] = []
            for await event in stream { if case .renewalFailed(_, let code) = event { codes.append(code) } }
            #expect(codes == (0..<100).map(String.init))
        }
    }

    /// Runs `round` so many times, and ends the process when one does not end. Only a freeze lasts for as long as the limit: a
    /// round takes milliseconds, and on a busy machine a second.
    private func repeatsWithoutFreezing(_ rounds: Int, _ round: @escaping @Sendable () async -> Void) async {
        let done = Locked(0)
        let work = Task.detached {
            for _ in 0..<rounds {
                await round()
                done.withLock { $0 += 1 }
            }
        }
        Thread.detachNewThread {
            var (seen, deadline) = (0, ContinuousClock.now + .seconds(30))
            while seen < rounds {
                let latest = done.withLock { $0 }
                if latest > seen { (seen, deadline) = (latest, ContinuousClock.now + .seconds(30)) }
                // The threads that would tell of a failure are frozen as well.
                precondition(ContinuousClock.now < deadline, "round \(seen): a watcher and the core wait for each other")
                Thread.sleep(forTimeInterval: 0.01)
            }
        }
        await work.value
    }
}
