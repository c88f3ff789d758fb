import Foundation
import Hallpass
import Observation

/// What the app shows and does: the exercise's four buttons, the user, the expenses, the countdown and the log.
@MainActor
@Observable
public final class LabModel {
    /// Something to do, one at a time.
    public enum Action: Sendable, Hashable {
        case logIn, callAPI, refreshToken, logOut
    }

    /// A line of the debug area.
    public struct Entry: Sendable, Hashable, Identifiable {
        public let id: Int
        public let date: Date
        public let text: String
    }

    /// Opens the session for some settings; a test or a preview opens another.
    public typealias Opening = @MainActor (LabSettings) throws -> Session

    /// The settings. ``apply(_:)`` changes them.
    public private(set) var settings: LabSettings
    /// Whether a user is signed in.
    public private(set) var state = Session.State.restoring(nil)
    /// The expenses of the last call; empty before the first.
    public private(set) var expenses: [Expense] = []
    /// When the access token expires, by this device's clock; `nil` without one.
    public private(set) var expiresAt: Date?
    /// The log, the latest last.
    public private(set) var log: [Entry] = []
    /// What is being done now.
    public private(set) var running: Action?
    /// What went wrong last, for people; `nil` after something went right.
    public private(set) var failure: String?

    private let open: Opening
    private var session: Session?
    private var watching: [Task<Void, Never>] = []
    private var work: Task<Void, Never>?

    /// A model for `settings`. ``start()`` opens the session.
    public init(settings: LabSettings = LabSettings(), open: @escaping Opening) {
        self.settings = settings
        self.open = open
    }

    /// The user, as long as one is known: signed in, or asked to log in again.
    public var user: User? { state.user }

    /// What keeps the user from going on, in words for them; `nil` when nothing does.
    public var obstacle: String? {
        switch state {
        case .loginRequired(_, .noRefreshToken): "Your session has expired. Sign in again to go on."
        case .loginRequired: "The server does not renew your session. Sign in again, or wait."
        case .restoring(.locked?): "Unlock this device to go on."
        case .restoring(.some): "Your session cannot be read now."
        case .restoring(nil), .signedOut, .signedIn: nil
        }
    }

    /// The log as text to copy. It holds no token.
    public var logText: String { log.map { "\($0.date.ISO8601Format())  \($0.text)" }.joined(separator: "\n") }

    /// Opens the session and follows its states and events.
    public func start() {
        guard session == nil else { return }
        do {
            let session = try open(settings)
            self.session = session
            let (states, events) = (session.states, session.events)
            watching = [
                // What an earlier session had under way when it was replaced is not this one's.
                Task { [weak self] in for await state in states where !Task.isCancelled { self?.follow(state) } },
                Task { [weak self] in for await event in events where !Task.isCancelled { self?.note(event) } },
            ]
        } catch {
            fail(error)
        }
    }

    /// Does what a button says, unless something else is being done. Returns when it is over.
    public func perform(_ action: Action) async {
        guard running == nil else { return }
        running = action
        let work = Task { await self.finish(action) }
        self.work = work
        await work.value
        running = nil
        self.work = nil
    }

    /// Gives up what is being done: closes the browser of a login.
    public func cancel() { work?.cancel() }

    /// Finishes a login with the URL that the app was opened with, after it had been ended while the browser was open.
    public func resume(_ url: URL) async {
        guard let session else { return }
        do {
            try await session.resume(url)
            await readExpiry(session)
        } catch {
            fail(error)
        }
    }

    /// Reads the session again, as when the app comes to the foreground: the device may have been unlocked meanwhile.
    public func reload() async {
        // What is in the way is told by the state.
        _ = try? await session?.reload()
    }

    /// Opens a session with other settings in place of this one.
    public func apply(_ settings: LabSettings) {
        guard settings != self.settings else { return }
        self.settings = settings
        watching.forEach { $0.cancel() }
        (session, state, expenses, expiresAt, failure) = (nil, .restoring(nil), [], nil, nil)
        start()
    }

    /// Empties the log.
    public func clearLog() { log = [] }

    /// Seconds until the access token expires, at `now`; `nil` without a token, never below zero.
    public func secondsLeft(at now: Date) -> Int? {
        expiresAt.map { max(0, Int($0.timeIntervalSince(now).rounded(.up))) }
    }
}

extension LabModel {
    /// Shows what the session says of itself.
    func follow(_ state: Session.State) { self.state = state }

    private func finish(_ action: Action) async {
        guard let session else { return fail(HallpassError.misconfigured(field: "settings", fix: "see the first line of the log")) }
        failure = nil
        do {
            switch action {
            case .logIn:
                let user = try await session.login()
                say("Logged in as \(user.name ?? user.sub)")
            case .callAPI: try await callAPI(session)
            case .refreshToken:
                let credentials = try await session.renew()
                say("New access token, scope: \(credentials.scope)")
            case .logOut:
                let outcome = try await session.logout(LogoutOptions(endSession: true))
                expenses = []
                say(outcome.revoked ? "Logged out, refresh token revoked" : "Logged out")
            }
        } catch {
            fail(error)
        }
        await readExpiry(session)
    }

    private func callAPI(_ session: Session) async throws {
        guard let url = URL(string: settings.apiAddress) else {
            throw HallpassError.misconfigured(field: "API address", fix: "make it a URL")
        }
        let reply = try await session.call(.get(url))
        say("API answered \(reply.status)" + (reply.renewals > 0 ? " after a renewal" : ""))
        guard reply.status == 200 else { return }
        let decoder = JSONDecoder()
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyy-MM-dd"
        decoder.dateDecodingStrategy = .formatted(format)
        expenses = try reply.decoded(as: [Expense].self, decoder: decoder)
    }

    /// Sends nothing while the token lasts, and does not renew one that is over: the exercise shows the 401.
    private func readExpiry(_ session: Session) async {
        guard session.user != nil else { return expiresAt = nil }
        let isOver = expiresAt.map { $0 <= .now } ?? false
        if !isOver || running == .refreshToken || running == .logIn || running == .callAPI {
            expiresAt = try? await session.credentials(minTTL: .zero).expiresAt
        }
    }

    private func fail(_ error: any Error) {
        let error = error as? HallpassError
        switch error {
        case .cancelled: say("Cancelled")
        case .loginRequired(.noRefreshToken), .loginRequired(.notSignedIn):
            tell(running == .refreshToken ? "No Refresh Token found" : "Log in first")
        case .offline(_, let wait?): tell("Try again in \(wait.components.seconds) seconds")
        case .some(let error): tell(error.localizedDescription)
        case nil: tell("The API's answer was not understood")
        }
    }

    private func tell(_ text: String) {
        failure = text
        say(text)
    }

    private func note(_ event: Session.Event) {
        switch event {
        case .signedIn: say("event: signed in")
        case .renewed: say("event: renewed")
        case .renewalFailed(_, let code): say("event: renewal failed (\(code))")
        case .idTokenRejected(let check): say("event: ID token rejected (\(check))")
        case .signedOut(let reason): say("event: signed out (\(reason.rawValue))")
        }
    }

    private func say(_ text: String) {
        log.append(Entry(id: (log.last?.id ?? 0) + 1, date: .now, text: text))
        if log.count > 500 { log.removeFirst(log.count - 500) }
    }
}
