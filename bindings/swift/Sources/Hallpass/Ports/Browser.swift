import Foundation

/// Shows the authorization page to the user, and returns the redirect. On Apple's systems a session has a
/// ``WebBrowser`` unless it is given another.
public protocol Browser: Sendable {
    /// Shows `url` and returns the URL of the redirect to `redirectURI`, unchanged.
    ///
    /// When its task is cancelled, it closes what it opened.
    ///
    /// - Throws: ``BrowserError``, or `CancellationError` for ``BrowserError/cancelled``. Any other error counts as
    ///   ``BrowserError/failed(_:)``.
    func open(_ url: URL, redirectURI: String) async throws -> URL
}

/// Why there is no redirect.
public enum BrowserError: Error, Sendable, Hashable {
    /// The user closed the page.
    case cancelled
    /// No browser could be opened, or the redirect cannot be received. The error of the login has the reason.
    case failed(_ problem: BrowserProblem = .other)
    /// The redirect URI is an `https` one, and its domain is not associated with this app (`webcredentials:`), or this system is
    /// too old for one.
    case redirectNotAssociated
}

/// Why no browser can be used: a fixed vocabulary, so that it can be logged.
public enum BrowserProblem: Sendable, Hashable {
    /// There is none, or the app may not see it.
    case noBrowser
    /// There is none of those that the app allows.
    case noneAllowed
    /// There is none that can show a page without keeping cookies.
    case noneEphemeral
    /// The installed ones do not return to an app through its `https` redirect URI.
    case keepsAppLinks
    /// The system did not show it.
    case notShown
    /// The app does not declare the redirect URI.
    case notDeclared
    /// It returned with another URL than the redirect URI of this login.
    case anotherURL
    /// Anything else.
    case other
}
