internal import HallpassBindings

/// This side's own view of a session, which the core pushes before the verb that changed it returns: the credentials to
/// answer with, the state, and who wants to be told. It holds no session, since the session holds it.
final class Relay: HallpassBindings.SessionObserver {
    private struct Contents {
        var snapshot: Snapshot?
        var state = Session.State.restoring(nil)
        var states = Subscribers<Session.State>()
        var events = Subscribers<Session.Event>()
    }

    /// Valid credentials, and for how long by a clock that nobody can set and that goes on while the device sleeps.
    private struct Snapshot {
        let credentials: Credentials
        /// `nil` when the server did not say.
        let deadline: ContinuousClock.Instant?
    }

    private let contents = Locked(Contents())

    /// Held while subscribers are told, so that each of them sees what happened in its order. A task that is cancelled removes
    /// its stream under `contents` while it holds its own lock, and telling it needs that lock: so no stream is told under
    /// `contents`, and no callback of a stream takes this one.
    private let telling = Locked(())

    /// The present state.
    var state: Session.State { contents.withLock { $0.state } }

    /// The credentials of the login, when they last for another `minTTL`.
    func credentials(lasting minTTL: Duration) -> Credentials? {
        guard let snapshot = contents.withLock({ $0.snapshot }) else { return nil }
        guard let deadline = snapshot.deadline else { return snapshot.credentials }
        return ContinuousClock.now.advanced(by: max(minTTL, .zero)) < deadline ? snapshot.credentials : nil
    }

    /// The present state, then each next one; states that nobody was ready for are left out.
    func states() -> AsyncStream<Session.State> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            // Under `telling`, so that no later state comes before the present one. No task waits for this stream yet.
            let number = telling.withLock { _ in
                let (state, number) = contents.withLock { ($0.state, $0.states.add(continuation)) }
                continuation.yield(state)
                return number
            }
            attach(continuation, number) { $0.states.remove(number) }
        }
    }

    /// Each event from now on; of those that wait to be read, the latest hundred.
    func events() -> AsyncStream<Session.Event> {
        AsyncStream(bufferingPolicy: .bufferingNewest(100)) { continuation in
            let number = contents.withLock { $0.events.add(continuation) }
            attach(continuation, number) { $0.events.remove(number) }
        }
    }

    /// Forgets the stream when it ends, which it does at once after ``finish()``.
    private func attach<Element>(
        _ continuation: AsyncStream<Element>.Continuation, _ number: Int?, _ remove: @escaping @Sendable (inout Contents) -> Void
    ) {
        guard number != nil else { return continuation.finish() }
        continuation.onTermination = { [weak self] _ in self?.contents.withLock(remove) }
    }

    /// Ends all streams, now and later.
    func finish() {
        let (states, events) = contents.withLock { ($0.states.close(), $0.events.close()) }
        // Not under the lock: a stream that ends removes itself.
        states.forEach { $0.finish() }
        events.forEach { $0.finish() }
    }

    func credentialsChanged(latest: HallpassBindings.Credentials?, remainingMilliseconds: UInt64?) throws {
        let remaining = remainingMilliseconds.map { Duration.milliseconds(Int64(clamping: $0)) }
        let snapshot = latest.map { latest in
            Snapshot(credentials: Credentials(latest), deadline: remaining.map { ContinuousClock.now.advanced(by: $0) })
        }
        contents.withLock { $0.snapshot = snapshot }
    }

    func stateChanged(state: HallpassBindings.State) throws {
        let state = Session.State(state)
        telling.withLock { _ in
            let open = contents.withLock { contents in
                contents.state = state
                return contents.states.all
            }
            for continuation in open { continuation.yield(state) }
        }
    }

    func happened(event: HallpassBindings.Event) throws {
        let event = Session.Event(event)
        telling.withLock { _ in
            for continuation in contents.withLock({ $0.events.all }) { continuation.yield(event) }
        }
    }
}

/// The streams that are open.
private struct Subscribers<Element: Sendable> {
    private var open: [Int: AsyncStream<Element>.Continuation] = [:]
    private var latest = 0
    private var isClosed = false

    /// Returns the stream's number; `nil` when no more are told.
    mutating func add(_ continuation: AsyncStream<Element>.Continuation) -> Int? {
        if isClosed { return nil }
        latest += 1
        open[latest] = continuation
        return latest
    }

    mutating func remove(_ number: Int?) { number.map { open[$0] = nil } }

    /// Those to tell.
    var all: [AsyncStream<Element>.Continuation] { Array(open.values) }

    mutating func close() -> [AsyncStream<Element>.Continuation] {
        defer { open = [:] }
        isClosed = true
        return Array(open.values)
    }
}
