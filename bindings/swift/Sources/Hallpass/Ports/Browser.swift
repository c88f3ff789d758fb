import Foundation

/// Shows the authorization page to the user, and brings the redirect back. On Apple's systems a session has a
/// ``WebBrowser`` unless it is given another.
public protocol Browser: Sendable {
    /// Shows `url` and returns the URL below `redirectURI` that came back, as it came.
    ///
    /// When its task is cancelled, it closes what it opened.
    ///
    /// - Throws: ``BrowserError``, or `CancellationError` for ``BrowserError/cancelled``. Any other error counts as
    ///   ``BrowserError/failed``.
    func open(_ url: URL, redirectURI: String) async throws -> URL
}

/// Why no redirect came back.
public enum BrowserError: Error, Sendable, Hashable {
    /// The user closed the page.
    case cancelled
    /// No browser could be opened, or the redirect cannot be received.
    case failed
    /// The redirect URI is an `https` one, and its domain is not associated with this app (`webcredentials:`), or this system is
    /// too old for one.
    case redirectNotAssociated
}
