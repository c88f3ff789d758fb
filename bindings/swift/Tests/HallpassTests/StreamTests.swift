import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing

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

    @Test func streamsEndWithTheSession() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        var session: Session? = try Session(lab.config(), store: .memory, browser: LabBrowser())
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
}
