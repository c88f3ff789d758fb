import Foundation
import Hallpass
import HallpassTesting
import LabSupport

/// A running lab, and a session that ada can sign in to.
func withLab<Result>(
    offline: Bool = true, store: Store = .memory, transport: (any Transport)? = nil, clock: ShiftedClock? = nil,
    settings: [String: any Sendable] = [:], _ body: (LabServer, Session) async throws -> Result
) async throws -> Result {
    let lab = try await LabServer()
    defer { lab.stop() }
    if !settings.isEmpty { try await lab.set(settings) }
    let session = try Session(
        lab.config(offline: offline), store: store, browser: LabBrowser(), transport: transport, clock: clock)
    return try await body(lab, session)
}

/// Waits until `condition` holds; a test's own time limit ends the wait.
func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

/// The error that `body` throws.
func thrown(_ body: () async throws -> some Any) async -> HallpassError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? HallpassError
    }
}

/// Whether the store has not been read yet, whatever the problem is.
func isRestoring(_ state: Session.State) -> Bool {
    if case .restoring = state { true } else { false }
}
