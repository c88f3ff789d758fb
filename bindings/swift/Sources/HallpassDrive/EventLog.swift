import Hallpass

/// What has happened to a session, kept until a test asks for it.
actor EventLog {
    private var kept: [Session.Event] = []

    init(_ events: AsyncStream<Session.Event>) {
        Task { [weak self] in
            for await event in events { await self?.keep(event) }
        }
    }

    /// The events that nobody has asked for yet. Waits for `count` of them, for five seconds at most.
    func taken(atLeast count: Int) async -> [Session.Event] {
        let deadline = ContinuousClock.now + .seconds(5)
        while kept.count < count, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(2)) }
        defer { kept = [] }
        return kept
    }

    private func keep(_ event: Session.Event) { kept.append(event) }
}
