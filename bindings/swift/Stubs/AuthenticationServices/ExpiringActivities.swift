import Foundation

extension ProcessInfo {
    /// Calls `block(false)` on a thread of its own; the activity lasts until that returns. When the system takes the time back,
    /// it calls `block(true)` on another thread while the first call is still waiting. Where it grants none, that is the only
    /// call.
    public func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {
        ExpiringActivities.shared.begin(block)
    }
}

/// Not in Apple's: the activities of this process, for tests.
public final class ExpiringActivities: @unchecked Sendable {
    public static let shared = ExpiringActivities()
    private let lock = NSLock()
    private var begunCount = 0
    private var open: [Int: @Sendable (Bool) -> Void] = [:]
    private var grantsNone = false

    /// How many were begun so far, and how many of them are not over.
    public var begun: Int { lock.withLock { begunCount } }
    public var running: Int { lock.withLock { open.count } }

    /// Whether the system has no time to give.
    public var isExhausted: Bool {
        get { lock.withLock { grantsNone } }
        set { lock.withLock { grantsNone = newValue } }
    }

    /// The time is over for all that are running.
    public func expire() {
        for block in lock.withLock({ Array(open.values) }) { Thread.detachNewThread { block(true) } }
    }

    func begin(_ block: @escaping @Sendable (Bool) -> Void) {
        let number: Int? = lock.withLock {
            begunCount += 1
            if grantsNone { return nil }
            open[begunCount] = block
            return begunCount
        }
        Thread.detachNewThread {
            guard let number else { return block(true) }
            block(false)
            self.lock.withLock { self.open[number] = nil }
        }
    }
}
