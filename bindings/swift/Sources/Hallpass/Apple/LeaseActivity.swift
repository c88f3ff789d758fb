import Foundation
internal import HallpassBindings

#if os(iOS) || HALLPASS_STUBS
#if HALLPASS_STUBS
import AuthenticationServices
#endif

/// Keeps the process from being suspended while it holds a lease, for sessions that share their account with other processes.
///
/// They take turns by a lock on a file in the app group's container, and the system ends an app that is suspended while it holds
/// such a lock (`0xdead10cc`). So an activity begins before the lock is taken and ends after it is released, in an app and in an
/// extension alike; nothing else keeps the process awake, and a login may wait for its user for as long as it likes. When the
/// system takes the time back, the lock is released first.
final class LeaseActivity: HallpassBindings.LeaseKeeper {
    private let running = Locked<[UInt64: DispatchSemaphore]>([:])

    func begin(number: UInt64, lease: HeldLease) throws {
        let isOver = DispatchSemaphore(value: 0)
        running.withLock { $0[number] = isOver }
        ProcessInfo.processInfo.performExpiringActivity(withReason: "Hallpass renews an access token") { isExpired in
            // The activity lasts for as long as the first call waits. When it has expired, or no time is granted, the second or
            // only call says so.
            if isExpired {
                lease.release()
                isOver.signal()
            } else {
                isOver.wait()
            }
        }
    }

    func end(number: UInt64) throws { running.withLock { $0.removeValue(forKey: number) }?.signal() }
}
#endif

extension HallpassBindings.SessionOptions {
    /// What keeps the process awake while it holds a lease, where the system would suspend it.
    static var leaseKeeper: (any HallpassBindings.LeaseKeeper)? {
        #if os(iOS) || HALLPASS_STUBS
        LeaseActivity()
        #else
        nil
        #endif
    }
}
