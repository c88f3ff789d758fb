#if HALLPASS_STUBS
import AuthenticationServices
import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing

/// Whether the process may be suspended, by what the stub that stands in for Apple's was told (Stubs/README.md).
@Suite(.serialized, .timeLimit(.minutes(2)))
struct SuspensionTests {
    @Test func sharedSessionIsNotSuspendedWhileItRenews() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hallpass-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let lab = try await LabServer()
        defer { lab.stop() }
        let (store, network) = (InMemoryStore(), URLSessionTransport())
        // What was running when the token request was on its way.
        let running = FakeBox<Int>()
        let transport = FakeTransport { request in
            if request.url.path.hasSuffix("/token") { running.value = ExpiringActivities.shared.running }
            return try await network.send(request)
        }
        let session = try Session(
            lab.config(), store: .custom(store), browser: LabBrowser(), transport: transport, leaseDirectory: folder)
        try await session.login()
        try await eventually { ExpiringActivities.shared.running == 0 }
        running.value = nil
        try await session.renew()
        #expect(running.value == 1)
        try await eventually { ExpiringActivities.shared.running == 0 }
        // What is answered from memory is no reason to stay awake.
        let begun = ExpiringActivities.shared.begun
        _ = try await session.credentials()
        #expect(ExpiringActivities.shared.begun == begun)
    }

    @Test func sessionOfOneProcessMayBeSuspended() async throws {
        let begun = ExpiringActivities.shared.begun
        try await withLab { _, session in
            try await session.login()
            try await session.renew()
        }
        #expect(ExpiringActivities.shared.begun == begun)
    }
}

/// A value that two tasks see.
private final class FakeBox<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var content: Value?

    var value: Value? {
        get { lock.withLock { content } }
        set { lock.withLock { content = newValue } }
    }
}
#endif
