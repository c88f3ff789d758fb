import Foundation

/// Keeps the process from being suspended during a verb, for sessions that share their account with other processes.
///
/// They take turns by a lock on a file in the app group's container. The system ends an app that is suspended while it holds
/// such a lock (`0xdead10cc`), so it must not be suspended before the verb is over, which is a matter of one request.
struct Suspension: Sendable {
    let isPostponed: Bool

    func postponed<Value: Sendable>(during verb: @escaping @Sendable () async throws -> Value) async throws -> Value {
        #if os(iOS) || HALLPASS_STUBS
        guard isPostponed else { return try await verb() }
        let activity = ExpiringActivity()
        defer { activity.end() }
        return try await verb()
        #else
        return try await verb()
        #endif
    }
}

#if os(iOS) || HALLPASS_STUBS
#if HALLPASS_STUBS
import AuthenticationServices
#endif

/// An activity that the system lets finish, in an app and in an extension alike.
private final class ExpiringActivity: Sendable {
    private let isOver = DispatchSemaphore(value: 0)

    init() {
        let isOver = isOver
        ProcessInfo.processInfo.performExpiringActivity(withReason: "Hallpass renews an access token") { isExpired in
            // The activity lasts for as long as this waits. When it has expired, the system asks to let go.
            if !isExpired { isOver.wait() }
        }
    }

    func end() { isOver.signal() }
}
#endif
