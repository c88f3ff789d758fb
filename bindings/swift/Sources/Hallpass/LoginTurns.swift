/// Which login is in the browser, and whether its task has been cancelled.
///
/// UniFFI does not pass a task's cancellation on, so a cancelled login is cancelled by a call of its own. That call names
/// no login; this sees to it that it never reaches the next one.
final class LoginTurns: Sendable {
    private struct Contents {
        var latest = 0
        var running: Int?
        var isCancelled = false
        var cancellation: Task<Void, Never>?
    }

    private let contents = Locked(Contents())

    /// Whether the login that is running has been cancelled.
    var isCancelled: Bool { contents.withLock { $0.isCancelled } }

    /// Begins a login, in place of one that is running; returns its number. A cancellation on its way arrives first.
    func begin() async -> Int {
        await contents.withLock { $0.cancellation }?.value
        return contents.withLock { contents in
            contents.latest += 1
            contents.running = contents.latest
            contents.isCancelled = false
            return contents.latest
        }
    }

    /// Cancels the login with this number by `cancel`, unless it has ended or another has taken its place.
    func cancel(_ number: Int, by cancel: @escaping @Sendable () async -> Void) {
        contents.withLock { contents in
            guard contents.running == number else { return }
            contents.isCancelled = true
            contents.cancellation = Task { await cancel() }
        }
    }

    /// The login with this number has ended.
    func end(_ number: Int) {
        contents.withLock { contents in
            guard contents.running == number else { return }
            contents.running = nil
            contents.isCancelled = false
        }
    }
}
