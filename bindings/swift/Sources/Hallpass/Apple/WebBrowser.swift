#if canImport(AuthenticationServices)
import AuthenticationServices
import Foundation

/// The system's own browser sheet (`ASWebAuthenticationSession`), in which the user signs in: it shares the cookies of Safari,
/// so that who is signed in there is signed in here, and the app cannot see into it (RFC 8252 §8.12).
///
/// The redirect URI is a custom scheme that the app need not register, or, from iOS 17.4 and macOS 14.4 on, an `https` URL
/// whose domain the app is associated with (`webcredentials:`). Before, an `https` redirect URI ends a login as
/// ``HallpassError/misconfigured(field:fix:)`` with `browser`.
public struct WebBrowser: Browser {
    private let isEphemeral: Bool
    private let anchor: @MainActor @Sendable () -> ASPresentationAnchor

    /// A browser sheet.
    ///
    /// - Parameters:
    ///   - ephemeral: whether it keeps no cookies and shares none: no single sign-on, and no question before it opens.
    ///   - anchor: the window over which it opens; the system chooses unless given.
    public init(
        ephemeral: Bool = false,
        anchor: @escaping @MainActor @Sendable () -> ASPresentationAnchor = { ASPresentationAnchor() }
    ) {
        isEphemeral = ephemeral
        self.anchor = anchor
    }

    public func open(_ url: URL, redirectURI: String) async throws -> URL {
        try await Visit(anchor: anchor, isEphemeral: isEphemeral).open(url, redirectURI: redirectURI)
    }
}

/// One sheet, from its opening to the redirect.
@MainActor
private final class Visit: NSObject, ASWebAuthenticationPresentationContextProviding {
    private let anchor: @MainActor @Sendable () -> ASPresentationAnchor
    private let isEphemeral: Bool
    private var sheet: ASWebAuthenticationSession?
    private var continuation: CheckedContinuation<URL, any Error>?

    init(anchor: @escaping @MainActor @Sendable () -> ASPresentationAnchor, isEphemeral: Bool) {
        self.anchor = anchor
        self.isEphemeral = isEphemeral
    }

    func open(_ url: URL, redirectURI: String) async throws -> URL {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                self.continuation = continuation
                show(url, redirectURI: redirectURI)
            }
        } onCancel: {
            Task { @MainActor in self.cancel() }
        }
    }

    private func show(_ url: URL, redirectURI: String) {
        guard !Task.isCancelled else { return finish(.failure(.cancelled)) }
        let sheet = Self.sheet(url, redirectURI: redirectURI) { callback, error in
            let outcome = Self.outcome(callback, error)
            Task { @MainActor in self.finish(outcome) }
        }
        guard let sheet else { return finish(.failure(.failed)) }
        self.sheet = sheet
        sheet.prefersEphemeralWebBrowserSession = isEphemeral
        sheet.presentationContextProvider = self
        if !sheet.start() { finish(.failure(.failed)) }
    }

    private func cancel() {
        sheet?.cancel()
        // A sheet that is closed by the app does not always say so.
        finish(.failure(.cancelled))
    }

    /// The first outcome counts.
    private func finish(_ outcome: Result<URL, BrowserError>) {
        continuation?.resume(with: outcome.mapError { $0 })
        continuation = nil
        sheet = nil
    }

    /// `nil` when this system cannot wait for that redirect URI.
    private static func sheet(
        _ url: URL, redirectURI: String, completion: @escaping ASWebAuthenticationSession.CompletionHandler
    ) -> ASWebAuthenticationSession? {
        guard let redirect = URLComponents(string: redirectURI), let scheme = redirect.scheme else { return nil }
        let isWeb = scheme == "https"
        if #available(iOS 17.4, macOS 14.4, *) {
            guard isWeb else {
                return ASWebAuthenticationSession(url: url, callback: .customScheme(scheme), completionHandler: completion)
            }
            guard let host = redirect.host else { return nil }
            let callback = ASWebAuthenticationSession.Callback.https(host: host, path: redirect.path)
            return ASWebAuthenticationSession(url: url, callback: callback, completionHandler: completion)
        }
        return isWeb ? nil : ASWebAuthenticationSession(url: url, callbackURLScheme: scheme, completionHandler: completion)
    }

    nonisolated private static func outcome(_ callback: URL?, _ error: (any Error)?) -> Result<URL, BrowserError> {
        if let callback { return .success(callback) }
        let isCancelled = (error as? ASWebAuthenticationSessionError)?.code == .canceledLogin
        return .failure(isCancelled ? .cancelled : .failed)
    }

    func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor { anchor() }
}
#endif
