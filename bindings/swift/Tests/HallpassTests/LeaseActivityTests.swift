#if HALLPASS_STUBS
import AuthenticationServices
import Foundation
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

/// When the process may be suspended, by what the stub that stands in for Apple's was told (Stubs/README.md).
@Suite(.serialized, .timeLimit(.minutes(2)))
struct LeaseActivityTests {
    /// What is running while a login waits for its user, and while a token request is in flight.
    private struct Seen {
        var duringLogin: [Int] = []
        var duringTokenRequest: [Int] = []
    }

    @Test func processIsKeptAwakeForAsLongAsTheLeaseIsHeldAndNoLonger() async throws {
        let seen = Locked(Seen())
        try await withSharedSession(seen) { _, session, _ in
            try await session.login()
            try await eventually { ExpiringActivities.shared.running == 0 }
            // The user may take an hour in the mail app: no lock is held meanwhile, and no time is asked for.
            #expect(seen.withLock { $0.duringLogin } == [0])
            seen.withLock { $0.duringTokenRequest = [] }
            try await session.renew()
            #expect(seen.withLock { $0.duringTokenRequest } == [1])
            try await eventually { ExpiringActivities.shared.running == 0 }
            // What is answered from memory is no reason to stay awake.
            let begun = ExpiringActivities.shared.begun
            _ = try await session.credentials()
            #expect(ExpiringActivities.shared.begun == begun)
        }
    }

    @Test func lockIsReleasedWhenTheSystemTakesTheTimeBackAndTheRenewalGoesOn() async throws {
        let seen = Locked(Seen())
        try await withSharedSession(seen) { _, session, folder in
            try await session.login()
            try await eventually { ExpiringActivities.shared.running == 0 }
            expiring.withLock { $0 = folder }
            defer { expiring.withLock { $0 = nil } }
            try await session.renew()
            #expect(isFree.withLock { $0 } == true, "suspended now, the process would be ended")
            try await eventually { ExpiringActivities.shared.running == 0 }
        }
    }

    @Test func processThatIsGrantedNoTimeRenewsWithoutTheLock() async throws {
        try await withSharedSession(Locked(Seen())) { _, session, _ in
            ExpiringActivities.shared.isExhausted = true
            defer { ExpiringActivities.shared.isExhausted = false }
            try await session.login()
            try await session.renew()
            #expect(ExpiringActivities.shared.running == 0)
        }
    }

    @Test func sessionOfOneProcessMayBeSuspended() async throws {
        let begun = ExpiringActivities.shared.begun
        try await withLab { _, session in
            try await session.login()
            try await session.renew()
        }
        #expect(ExpiringActivities.shared.begun == begun)
    }

    /// The folder whose lock has to be free once the time is over; whether it was.
    private let expiring = Locked<URL?>(nil)
    private let isFree = Locked<Bool?>(nil)

    private func withSharedSession(
        _ seen: Locked<Seen>, _ body: (LabServer, Session, URL) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hallpass-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let lab = try await LabServer()
        defer { lab.stop() }
        let (network, expiring, isFree) = (URLSessionTransport(), self.expiring, self.isFree)
        let transport = FakeTransport { request in
            if request.url.path.hasSuffix("/token") {
                seen.withLock { $0.duringTokenRequest.append(ExpiringActivities.shared.running) }
                if let folder = expiring.withLock({ $0 }) {
                    ExpiringActivities.shared.expire()
                    try await eventually { try isUnlocked(folder) }
                    isFree.withLock { $0 = true }
                }
            }
            return try await network.send(request)
        }
        let browser = FakeBrowser { page, redirectURI in
            seen.withLock { $0.duringLogin.append(ExpiringActivities.shared.running) }
            return try await LabBrowser().open(page, redirectURI: redirectURI)
        }
        let session = try Session(
            lab.config(), store: .custom(InMemoryStore()), browser: browser, transport: transport, leaseDirectory: folder)
        try await body(lab, session, folder)
    }
}

/// Whether another process could take the locks in `folder`.
private func isUnlocked(_ folder: URL) throws -> Bool {
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
        let descriptor = open(file.path, O_RDWR)
        defer { close(descriptor) }
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
    }
    return true
}
#endif
