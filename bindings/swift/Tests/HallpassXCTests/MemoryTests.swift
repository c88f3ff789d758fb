import Foundation
import Hallpass
import HallpassTesting
import XCTest

final class MemoryTests: XCTestCase {
    /// A session holds its ports and its relay, and none of them holds a session: what is dropped is freed.
    func testTenThousandSessionsAreFreedWhenTheyAreDropped() async throws {
        try await openSessions(1000)
        let before = try residentKilobytes()
        try await openSessions(10_000)
        let grown = try residentKilobytes() - before
        // A leaked session takes well over a kilobyte.
        XCTAssertLessThan(grown, 10_000, "10,000 sessions left \(grown) kB behind")
    }

    func testSessionThatIsDroppedFreesItsPorts() async throws {
        weak var store: InMemoryStore?
        weak var transport: FakeTransport?
        do {
            let (ownStore, ownTransport) = (InMemoryStore(), FakeTransport { _ in throw TransportError.unreachable })
            (store, transport) = (ownStore, ownTransport)
            let session = try Session(config, store: .custom(ownStore), browser: nil, transport: ownTransport)
            try await session.restored()
            let states = session.states
            withExtendedLifetime(states) {}
        }
        try await eventuallyFreed { store == nil && transport == nil }
    }

    func testSessionIsFreedWhileItsStreamsAreRead() async throws {
        weak var weakSession: Session?
        var reader: Task<Void, Never>?
        do {
            let session = try Session(config, store: .memory)
            weakSession = session
            let states = session.states
            reader = Task { for await _ in states {} }
            try await session.restored()
        }
        await reader?.value
        XCTAssertNil(weakSession)
    }

    private let config = Config.openIDConnect(
        issuer: "https://login.example.com/", clientID: "client", redirectURI: "com.example.app:/callback")

    private func openSessions(_ count: Int) async throws {
        for number in 0..<count {
            let session = try Session(config, account: "account-\(number)", store: .custom(InMemoryStore()))
            try await session.restored()
        }
    }

    private func eventuallyFreed(_ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition() {
            if ContinuousClock.now > deadline { return XCTFail("still held after 20 seconds") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func residentKilobytes() throws -> Int {
        #if os(Linux)
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try XCTUnwrap(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try XCTUnwrap(Int(line.split(separator: " ").dropLast().last ?? ""))
        #else
        throw XCTSkip("resident memory is read from /proc")
        #endif
    }
}
