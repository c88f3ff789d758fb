#if canImport(AuthenticationServices)
import AuthenticationServices
import Foundation

/// The system's own browser sheet (`ASWebAuthenticationSession`), in which the user signs in: it shares the cookies of Safari,
/// so that who is signed in there is signed in here, and the app cannot see into it (RFC 8252 §8.12).
///
/// The redirect URI is a custom scheme that the app need not register, or, from iOS 17.4 and macOS 14.4 on, an `https` URL
/// whose domain the app is associated with (`webcredentials:`). Without the association, and before these systems, an `https`
/// redirect URI ends a login as ``HallpassError/misconfigured(field:fix:)`` with `redirect_uri`.
public struct WebBrowser: Browser {
    private let isEphemeral: Bool
    private let anchor: @MainActor @Sendable () -> ASPresentationAnchor?

    /// A browser sheet.
    ///
    /// - Parameters:
    ///   - ephemeral: whether it keeps no cookies and shares none: no single sign-on, and no question before it opens.
    ///   - anchor: the window over which it opens; the key window of the scene in front unless given. Without any, as while the app
    ///     is in the background, nothing opens and the login ends as ``HallpassError/cancelled``.
    public init(
        ephemeral: Bool = false,
        anchor: (@MainActor @Sendable () -> ASPresentationAnchor?)? = nil
    ) {
        isEphemeral = ephemeral
        self.anchor = anchor ?? { .inUse }
    }

    public func open(_ url: URL, redirectURI: String) async throws -> URL {
        try await Visit(anchor: anchor, isEphemeral: isEphemeral).open(url, redirectURI: redirectURI)
    }
}

/// One sheet, from its opening to the redirect.
@MainActor
private final class Visit: NSObject, ASWebAuthenticationPresentationContextProviding {
    private let anchor: @MainActor @Sendable () -> ASPresentationAnchor?
    private let isEphemeral: Bool
    private var window: ASPresentationAnchor?
    private var sheet: ASWebAuthenticationSession?
    private var continuation: CheckedContinuation<URL, any Error>?

    init(anchor: @escaping @MainActor @Sendable () -> ASPresentationAnchor?, isEphemeral: Bool) {
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
        guard !Task.isCancelled, let window = anchor() else { return finish(.failure(.cancelled)) }
        self.window = window
        // Apple calls this on a queue of its own and does not say so in its type. Unless it is Sendable, a closure made here
        // belongs to the main actor, and being called elsewhere ends the process.
        let completion: @Sendable (URL?, (any Error)?) -> Void = { callback, error in
            let outcome = Self.outcome(callback, error, redirectURI: redirectURI)
            Task { @MainActor in self.finish(outcome) }
        }
        switch Self.sheet(url, redirectURI: redirectURI, completion: completion) {
        case .success(let sheet):
            self.sheet = sheet
            sheet.prefersEphemeralWebBrowserSession = isEphemeral
            sheet.presentationContextProvider = self
            if !sheet.start() { finish(.failure(.failed(.notShown))) }
        case .failure(let error): finish(.failure(error))
        }
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

    /// Fails when this system cannot wait for that redirect URI.
    private static func sheet(
        _ url: URL, redirectURI: String, completion: @escaping ASWebAuthenticationSession.CompletionHandler
    ) -> Result<ASWebAuthenticationSession, BrowserError> {
        guard let redirect = URLComponents(string: redirectURI), let scheme = redirect.scheme else { return .failure(.failed()) }
        let isWeb = scheme == "https"
        if #available(iOS 17.4, macOS 14.4, *) {
            guard isWeb else {
                return .success(ASWebAuthenticationSession(url: url, callback: .customScheme(scheme), completionHandler: completion))
            }
            guard let host = redirect.host else { return .failure(.failed()) }
            let callback = ASWebAuthenticationSession.Callback.https(host: host, path: redirect.path)
            return .success(ASWebAuthenticationSession(url: url, callback: callback, completionHandler: completion))
        }
        if isWeb { return .failure(.redirectNotAssociated) }
        return .success(ASWebAuthenticationSession(url: url, callbackURLScheme: scheme, completionHandler: completion))
    }

    nonisolated private static func outcome(
        _ callback: URL?, _ error: (any Error)?, redirectURI: String
    ) -> Result<URL, BrowserError> {
        if let callback { return .success(callback) }
        guard let error = error as? ASWebAuthenticationSessionError, error.code == .canceledLogin else { return .failure(.failed()) }
        // A domain that the app is not associated with ends the sheet as its user would, before it shows anything; only then does
        // the error say why.
        let isAssociated = error.userInfo.isEmpty || !redirectURI.hasPrefix("https:")
        return .failure(isAssociated ? .cancelled : .redirectNotAssociated)
    }

    func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor { window ?? ASPresentationAnchor() }
}
#endif
