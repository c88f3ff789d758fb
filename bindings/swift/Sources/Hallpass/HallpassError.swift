import Foundation

/// Why a verb of a ``Session`` failed, named by what the app does next.
///
/// Every verb throws this type and no other, so a `catch` can be exhaustive:
///
/// ```swift
/// do {
///     try await session.login()
/// } catch .cancelled {
///     // The user changed their mind.
/// } catch .offline(_, let retryAfter) {
///     show("Try again in a moment", retryAfter)
/// } catch {
///     show(error.localizedDescription)
/// }
/// ```
///
/// Its texts are log-safe: no token, no URL and nothing that a server wrote is in them.
public enum HallpassError: Error, Sendable, Hashable {
    /// The user closed the browser, the login or its task was cancelled, another login took its place, or it took too
    /// long. Show the sign-in button again; this is no failure.
    case cancelled
    /// No one is signed in, or not any more. Offer ``Session/login(_:)``.
    case loginRequired(LoginReason)
    /// An API wants the user to authenticate again, or in a stronger way, before it serves the request (RFC 9470). The session
    /// goes on. Log in with ``LoginOptions/init(_:)``, then send the request again.
    case stepUpRequired(StepUp)
    /// The server cannot be reached, or cannot answer now. The user stays signed in; try again later, and not before
    /// `retryAfter` has passed.
    case offline(OfflineCause, retryAfter: Duration?)
    /// The server refused, in OAuth's words (RFC 6749 §4.1.2.1 and §5.2). Trying the same again will not help. The code is of a
    /// fixed vocabulary; what the server wrote itself is beside it, for a developer to read and for no log.
    case denied(code: String, words: ServerWords)
    /// The secure store cannot be used. Nothing was lost: what could not be saved is kept and saved again. The detail is for a
    /// log, such as a status of the system's; empty when there is no more to say.
    case storage(StorageProblem, detail: String)
    /// Something that came back is not what it has to be, as after an attack or a server's mistake. Nothing of it was
    /// used. Report it; do not ignore it.
    case untrusted(check: String)
    /// The app's own settings or arguments are wrong: which one, and what to do about it. Fix the code.
    case misconfigured(field: String, fix: String)
    /// A defect of Hallpass or of a port. Report the reference.
    case `internal`(reference: String)

    /// What happened, from a fixed vocabulary in `snake_case`; the same in Rust, Swift and Kotlin.
    public var code: String {
        switch self {
        case .cancelled: "cancelled"
        case .loginRequired(let reason): reason.rawValue
        case .stepUpRequired: "insufficient_user_authentication"
        case .offline(let cause, _): cause.rawValue
        case .denied(let code, _): code
        case .storage(let problem, _): problem.rawValue
        case .untrusted(let check): check
        case .misconfigured(let field, _): field
        case .internal(let reference): reference
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    public var isRetryable: Bool {
        switch self {
        case .offline: true
        case .storage(let problem, _): problem != .invalidated
        case .cancelled, .loginRequired, .stepUpRequired, .denied, .untrusted, .misconfigured, .internal: false
        }
    }
}

/// What an API asks for before it serves a request (RFC 9470 §3).
public struct StepUp: Sendable, Hashable {
    /// The authentication context classes that would do, separated by spaces, the preferred one first.
    public var acrValues: String?
    /// How long ago the user may have authenticated at most.
    public var maxAge: Duration?

    /// What an API asks for.
    public init(acrValues: String? = nil, maxAge: Duration? = nil) {
        self.acrValues = acrValues
        self.maxAge = maxAge
    }
}

/// A refusal in the server's own words. Its description shows none of them: they may name the user.
public struct ServerWords: Sendable, Hashable {
    /// The server's error code as it wrote it, which may be one that no specification knows.
    public let code: String?
    /// What the server says to a developer.
    public let description: String?

    /// A refusal as a server words it; for tests and previews.
    public init(code: String? = nil, description: String? = nil) {
        self.code = code
        self.description = description
    }
}

extension ServerWords: CustomDebugStringConvertible, CustomReflectable {
    /// That there are words.
    public var debugDescription: String { "[ServerWords]" }

    /// Nothing: `dump` and the debugger look here.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a login is required. The raw value is the error's code.
public enum LoginReason: String, Sendable, Hashable, CaseIterable {
    /// No one has signed in on this device.
    case notSignedIn = "not_signed_in"
    /// The access token has expired and the server gave no refresh token (`offline_access` was not asked for, or not
    /// allowed). The user's identity is still known.
    case noRefreshToken = "no_refresh_token"
    /// The server keeps refusing to renew, in other words than `invalid_grant`. The session is kept: a renewal that
    /// succeeds or a login clears it.
    case refused
    /// The server no longer accepts the refresh token: expired, revoked, or the user was blocked.
    case revoked
    /// The same, after the response with the next refresh token was lost.
    case answerLost = "answer_lost"
    /// The secure store's key is gone, as after a restored backup.
    case storageInvalidated = "storage_invalidated"
    /// The user logged out, here or in another process that shares the account.
    case loggedOut = "logged_out"
}

/// Why there is no usable answer for now. The raw value is the error's code.
public enum OfflineCause: String, Sendable, Hashable, CaseIterable {
    /// No connection: no network, no such host, connection refused.
    case unreachable
    /// No trusted TLS connection; captive portals and intercepting proxies do this.
    case tls
    /// Connected, but no whole answer came in time.
    case noAnswer = "no_answer"
    /// The server asked to slow down (429).
    case rateLimited = "rate_limited"
    /// The server failed (5xx).
    case serverFailed = "server_failed"
    /// An answer that says nothing in this protocol, such as the HTML of a captive portal.
    case unexpectedAnswer = "unexpected_answer"
}

/// What is the matter with the secure store. The raw value is the error's code.
public enum StorageProblem: String, Sendable, Hashable, CaseIterable {
    /// Locked for now; try again after the device is unlocked.
    case locked = "storage_locked"
    /// Its key is gone. What it held was set aside; a login is required.
    case invalidated = "storage_invalidated"
    /// It failed, such as for a full disk. Try again.
    case failed = "storage_failed"
}

extension HallpassError: LocalizedError, CustomStringConvertible {
    /// The error in English, for developers and logs.
    public var description: String {
        switch self {
        case .cancelled: "the login was cancelled"
        case .loginRequired(let reason): "a login is required: \(reason.words)"
        case .stepUpRequired: "an API wants the user to authenticate again"
        case .offline(let cause, _): "no usable answer for now: \(cause.words)"
        case .denied(let code, _): "the server refused: \(code)"
        case .storage(let problem, let detail):
            "the secure store cannot be used: \(problem.words)\(detail.isEmpty ? "" : ": \(detail)")"
        case .untrusted(let check): "an answer could not be trusted: \(check)"
        case .misconfigured(let field, let fix): "`\(field)` is misconfigured: \(fix)"
        case .internal(let reference): "internal error (\(reference))"
        }
    }

    /// The same as ``description``.
    public var errorDescription: String? { description }
}

extension LoginReason {
    var words: String {
        switch self {
        case .notSignedIn: "no one is signed in"
        case .noRefreshToken: "no refresh token found"
        case .refused: "the server keeps refusing to renew the session"
        case .revoked: "the server ended the session"
        case .answerLost: "the response with the next refresh token was lost"
        case .storageInvalidated: "the secure store was invalidated"
        case .loggedOut: "the user logged out"
        }
    }
}

extension OfflineCause {
    var words: String {
        switch self {
        case .unreachable: "the server could not be reached"
        case .tls: "no trusted connection could be made"
        case .noAnswer: "the server did not answer"
        case .rateLimited: "too many requests"
        case .serverFailed: "the server failed"
        case .unexpectedAnswer: "the answer was not understood"
        }
    }
}

extension StorageProblem {
    var words: String {
        switch self {
        case .locked: "locked"
        case .invalidated: "invalidated"
        case .failed: "failed"
        }
    }
}
