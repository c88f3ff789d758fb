import Foundation

/// How to log in; with nothing set, as the session's ``Config`` says.
public struct LoginOptions: Sendable, Hashable {
    /// What the page asks the user for (OpenID Connect Core §3.1.2.1).
    public enum Prompt: String, Sendable, Hashable, CaseIterable {
        /// Nothing; the login fails if a page would have to be shown.
        case none
        /// The password, again.
        case login
        /// Consent, again.
        case consent
        /// An account.
        case selectAccount = "select_account"
        /// A new account: the page to sign up (Initiating User Registration via OpenID Connect 1.0).
        case create
    }

    /// What the page asks the user for; the server decides if it is empty. ``Prompt/none`` only alone.
    public var prompt: Set<Prompt> = []
    /// The scope to ask for instead of the configured one, its values separated by spaces.
    public var scope: String?
    /// The API that the access token is for, instead of the configured one (Auth0).
    public var audience: String?
    /// The APIs that the access token is for, as absolute URIs, instead of the configured ones (RFC 8707).
    public var resources: [String] = []
    /// The user who signs in, such as an e-mail address; the page fills it in.
    public var loginHint: String?
    /// The languages for the page, as BCP 47 tags separated by spaces, the preferred one first.
    public var uiLocales: String?
    /// The authentication context classes asked for, separated by spaces.
    public var acrValues: String?
    /// How long ago the user may have authenticated at most, in whole seconds; checked in the ID token.
    public var maxAge: Duration?
    /// The organization to sign in to; checked in the ID token.
    public var organization: String?
    /// The ticket of an invitation to an organization (Auth0).
    public var invitation: String?
    /// The connection (identity provider) to use (Auth0).
    public var connection: String?
    /// Parameters of the server's own. One that the protocol sets itself is refused.
    public var extra: [String: String] = [:]

    /// A login as configured.
    public init() {}

    /// The login that an API asks for before it serves a request (RFC 9470 §4).
    public init(_ stepUp: StepUp) {
        acrValues = stepUp.acrValues
        maxAge = stepUp.maxAge
    }
}

extension LoginOptions: RedactedDescription {
    /// What is asked for, and no value of the user's: a hint is personal, a ticket is a secret.
    public var description: String { "LoginOptions(prompt: \(prompt.map(\.rawValue).sorted()))" }
}

/// A login that waits for its callback, for apps that open the page themselves.
public struct StartedLogin: Sendable, Hashable {
    /// The page to open in the system browser.
    public let url: URL
    /// The `state` that the callback must have; it names this login and is no secret for the app.
    public let state: String
}

extension StartedLogin: RedactedDescription {
    /// Nothing: who knows the URL can take part in the login.
    public var description: String { "StartedLogin" }
}

/// How to log out.
public struct LogoutOptions: Sendable, Hashable {
    /// Whether to end the server's own session in the browser too. The browser opens for a moment.
    public var endSession: Bool
    /// Whether to log out of the identity provider behind an Auth0 tenant too. Includes ``endSession``.
    public var federated: Bool

    /// A logout from this device, and optionally from the server and the identity provider.
    public init(endSession: Bool = false, federated: Bool = false) {
        self.endSession = endSession
        self.federated = federated
    }
}

/// The result of a logout. In every case no one is signed in on this device any more.
public struct LoggedOut: Sendable, Hashable {
    /// Whether there was a session to erase.
    public let erased: Bool
    /// Whether the server confirmed that it revoked the refresh token.
    public let revoked: Bool
    /// Whether the browser returned from the end-session page.
    public let sessionEnded: Bool

    /// An outcome as a session returns one; for tests and previews.
    public init(erased: Bool, revoked: Bool, sessionEnded: Bool) {
        self.erased = erased
        self.revoked = revoked
        self.sessionEnded = sessionEnded
    }
}
