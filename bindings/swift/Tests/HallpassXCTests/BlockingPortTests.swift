import Foundation
import Hallpass
import XCTest

/// A port that blocks its thread takes none of those that all tasks of the app share. Here, because Swift Testing's tests run all
/// at once: a task that waits for its turn among theirs cannot be told from one that is held up.
final class BlockingPortTests: XCTestCase {
    func testPortThatBlocksItsThreadHoldsUpNoTaskOfTheApp() async throws {
        let gate = Gate()
        let config = Config.openIDConnect(issuer: "https://login.example.com/", clientID: "c", redirectURI: "com.example.app:/callback")
        let sessions = try (0..<ProcessInfo.processInfo.activeProcessorCount * 2).map {
            try Session(config, account: "blocked-\($0)", store: .custom(BlockingStore(identity: "blocking \($0)", gate: gate)))
        }
        let limit = ContinuousClock.now + .seconds(1)
        while gate.waiting < sessions.count, ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(5)) }
        // Every thread of the pool would be blocked now, and this task would not go on.
        XCTAssertEqual(gate.waiting, sessions.count)
        for _ in 0..<100 { await Task.yield() }
        gate.open()
        for session in sessions {
            let state = try await session.restored()
            XCTAssertEqual(state, .signedOut(.notSignedIn))
        }
        XCTAssertEqual(gate.timeouts, 0)
    }
}

/// What a blocking port waits for, with a limit.
private final class Gate: @unchecked Sendable {
    private let condition = NSCondition()
    private var (isOpen, arrived, missed) = (false, 0, 0)

    var waiting: Int { condition.withLock { arrived } }
    var timeouts: Int { condition.withLock { missed } }

    func open() {
        condition.withLock { isOpen = true }
        condition.broadcast()
    }

    func pass() {
        condition.withLock {
            arrived += 1
            let limit = Date(timeIntervalSinceNow: 2)
            while !isOpen {
                if !condition.wait(until: limit) { return missed += 1 }
            }
        }
    }
}

private struct BlockingStore: SecureStore {
    let identity: String
    let gate: Gate

    func load(_ name: String) async throws -> String? {
        gate.pass()
        return nil
    }

    func save(_ value: String, under name: String) async throws {}
    func delete(_ name: String) async throws {}
    func names() async throws -> [String] { [] }
}
