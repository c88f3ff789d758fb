import Foundation

/// Shows the authorization page to the user, and brings the redirect back. On Apple's systems a session has a
/// ``WebBrowser`` unless it is given another.
public protocol Browser: Sendable {
    /// Shows `url` and returns the URL below `redirectURI` that came back, as it came.
    ///
    /// When its task is cancelled, it closes what it opened.
    ///
    /// - Throws: ``BrowserError``, or `CancellationError` for ``BrowserError/cancelled``. Any other error counts as
    ///   ``BrowserError/failed(_:)``.
    func open(_ url: URL, redirectURI: String) async throws -> URL
}

/// Why no redirect came back.
public enum BrowserError: Error, Sendable, Hashable {
    /// The user closed the page.
    case cancelled
    /// No browser could be opened, or the redirect cannot be received. The app that asked for the login is told why.
    case failed(_ problem: BrowserProblem = .other)
    /// The redirect URI is an `https` one, and its domain is not associated with this app (`webcredentials:`), or this system is
    /// too old for one.
    case redirectNotAssociated
}

/// Why no browser would do: a fixed vocabulary, so that it can be logged.
public enum BrowserProblem: Sendable, Hashable {
    /// There is none, or the app may not see it.
    case noBrowser
    /// There is none of those that the app allows.
    case noneAllowed
    /// There is none that can show a page without keeping cookies.
    case noneEphemeral
    /// Those that there are do not return to an app through its `https` redirect URI.
    case keepsAppLinks
    /// The system did not show it.
    case notShown
    /// The app does not declare what brings the redirect back.
    case notDeclared
    /// It came back with another URL than the redirect URI of this login.
    case anotherURL
    /// Anything else.
    case other
}
