import Foundation

/// A call of one of a session's ports, as long as it lasts.
///
/// A verb that a port calls from inside such a call would wait for itself. The mark travels with the task, and with those that
/// it starts; it is off once the call has returned.
final class PortCall: Sendable {
    @TaskLocal private static var current: PortCall?

    private let session: LoginTurns?
    private let isOver = Locked(false)

    private init(_ session: LoginTurns?) { self.session = session }

    /// Whether this task runs inside a call of a port of that session.
    static func isInside(_ session: LoginTurns) -> Bool {
        guard let call = current, call.session === session else { return false }
        return !call.isOver.withLock { $0 }
    }

    /// Calls a port. Where the system can say on which threads, on threads of their own: a port that blocks its thread must
    /// not take one of the few that all tasks of the app share.
    static func run<Value: Sendable>(
        of session: LoginTurns?, _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        let call = PortCall(session)
        defer { call.isOver.withLock { $0 = true } }
        return try await $current.withValue(call) {
            if #available(iOS 18, macOS 15, tvOS 18, watchOS 11, visionOS 2, *) {
                return try await withTaskExecutorPreference(PortExecutor.shared) { try await operation() }
            }
            return try await operation()
        }
    }
}

/// Runs each job of a task on a thread that nobody else waits for. A serial queue has one of its own as soon as it has something
/// to do; a concurrent one shares those of the global queue, as all tasks of the app do on Linux.
@available(iOS 18, macOS 15, tvOS 18, watchOS 11, visionOS 2, *)
private final class PortExecutor: TaskExecutor {
    static let shared = PortExecutor()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        DispatchQueue(label: "hallpass.port").async { job.runSynchronously(on: executor) }
    }
}
