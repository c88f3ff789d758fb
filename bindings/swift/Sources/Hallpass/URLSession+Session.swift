import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

extension URLSession {
    /// Sends `request` with the access token of `session`; when the API answers 401, renews once and repeats once. A token that is
    /// bound to a key is sent with a proof, and once more when the API wants its nonce in the proof.
    ///
    /// For requests that need this `URLSession`; ``Session/call(_:)`` needs none. The request's body has to be in
    /// `httpBody`, since a stream could not be repeated. The token does not follow a redirect to another origin, and one that is
    /// bound to a key follows none: the redirect is then the answer.
    ///
    /// - Parameters:
    ///   - request: the request, to an origin of ``Config/apiOrigins``.
    ///   - session: whose token.
    ///   - minTTL: for how long the token has to be valid at least.
    ///   - audience: for another API than the one of the login (Auth0).
    /// - Returns: the body and the answer, whatever its status.
    /// - Throws: ``HallpassError`` from the session, `URLError` from this `URLSession`.
    public func data(
        for request: URLRequest, session: Session, minTTL: Duration = Session.defaultMinTTL, audience: String? = nil
    ) async throws -> (Data, HTTPURLResponse) {
        guard let url = request.url, session.config.allows(url) else {
            throw HallpassError.misconfigured(
                field: "api_origins",
                fix: "add the API's origin (scheme, host and port) to the configuration; tokens go nowhere else")
        }
        let first = try await session.credentials(minTTL: minTTL, audience: audience)
        let (data, response) = try await data(for: request, to: url, with: first, of: session, audience: audience)
        guard response.statusCode == 401 else { return (data, response) }
        // Somebody else may have renewed the refused token meanwhile.
        let latest = try await session.credentials(minTTL: minTTL, audience: audience)
        let second =
            latest.accessToken != first.accessToken ? latest : try await session.replacement(audience: audience, minTTL: minTTL)
        return try await self.data(for: request, to: url, with: second, of: session, audience: audience)
    }

    private func data(
        for request: URLRequest, to url: URL, with credentials: Credentials, of session: Session, audience: String?
    ) async throws -> (Data, HTTPURLResponse) {
        guard credentials.tokenType != "Bearer" else { return try await data(for: request, with: credentials) }
        let first = try await proven(request, to: url, of: session, audience: audience)
        guard first.isNewNonce, first.response.wantsNonce else { return (first.data, first.response) }
        let second = try await proven(request, to: url, of: session, audience: audience)
        return (second.data, second.response)
    }

    /// Sends the request with a proof, and hands the nonce of the answer on.
    private func proven(
        _ request: URLRequest, to url: URL, of session: Session, audience: String?
    ) async throws -> (data: Data, response: HTTPURLResponse, isNewNonce: Bool) {
        var whole = request
        for field in try await session.proof(request.httpMethod ?? "GET", url, audience: audience) {
            whole.setValue(field.value, forHTTPHeaderField: field.name)
        }
        let (data, response) = try await followed(whole)
        let nonce = response.value(forHTTPHeaderField: "DPoP-Nonce")
        return (data, response, try nonce.map { try session.noteNonce($0, from: url) } ?? false)
    }

    private func data(for request: URLRequest, with credentials: Credentials) async throws -> (Data, HTTPURLResponse) {
        var whole = request
        whole.setValue("\(credentials.tokenType) \(credentials.accessToken)", forHTTPHeaderField: "Authorization")
        return try await followed(whole)
    }

    #if canImport(FoundationNetworking)
    /// This Foundation asks no delegate about the redirects of such a request, but that of a session about those of a task.
    private func followed(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        let exchanges = Exchanges(redirects: withinOrigin)
        let session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
        defer { session.finishTasksAndInvalidate() }
        return try await exchanges.result(of: session.dataTask(with: request), limit: .max)
    }
    #else
    private func followed(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        let (data, response) = try await data(for: request, delegate: RedirectsWithinOrigin.shared)
        guard let response = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        return (data, response)
    }
    #endif
}

extension HTTPURLResponse {
    /// Whether the API wants its nonce in the proof (RFC 9449 §9).
    fileprivate var wantsNonce: Bool {
        guard statusCode == 401, let challenge = value(forHTTPHeaderField: "WWW-Authenticate") else { return false }
        return challenge.contains("use_dpop_nonce")
    }
}

/// Follows a redirect, with the token where it leads from the request's origin to the same one, and without it anywhere else.
/// Apple's `URLSession` takes `Authorization` off every redirected request, and that of Linux leaves it on. A redirect of a request
/// with a proof is the answer: a proof is for one URL and no other.
func withinOrigin(_ first: URLRequest, _ from: URL?, _ next: URLRequest) -> URLRequest? {
    if first.value(forHTTPHeaderField: "DPoP") != nil { return nil }
    let origin = first.url.flatMap(Origin.init)
    let stays = origin != nil && from.flatMap(Origin.init) == origin && next.url.flatMap(Origin.init) == origin
    var next = next
    next.setValue(stays ? first.value(forHTTPHeaderField: "Authorization") : nil, forHTTPHeaderField: "Authorization")
    return next
}

#if !canImport(FoundationNetworking)
private final class RedirectsWithinOrigin: NSObject, URLSessionTaskDelegate {
    static let shared = RedirectsWithinOrigin()

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(task.originalRequest.flatMap { withinOrigin($0, response.url, request) })
    }
}
#endif

extension Session {
    /// Credentials in place of some that an API has just refused.
    fileprivate func replacement(audience: String?, minTTL: Duration) async throws(HallpassError) -> Credentials {
        let renewed = try await renew()
        return audience == nil ? renewed : try await credentials(minTTL: minTTL, audience: audience)
    }
}

extension Config {
    /// Whether the access token may go to `url`.
    func allows(_ url: URL) -> Bool {
        guard let origin = Origin(url) else { return false }
        return apiOrigins.contains { URL(string: $0).flatMap(Origin.init) == origin }
    }
}

/// Scheme, host and port (RFC 6454 §4).
struct Origin: Equatable {
    let scheme: String
    let host: String
    let port: Int

    init?(_ url: URL) {
        guard let scheme = url.scheme?.lowercased(), let host = url.host?.lowercased(), !host.isEmpty else { return nil }
        switch (url.port, scheme) {
        case (let port?, _): self.port = port
        case (nil, "https"): port = 443
        case (nil, "http"): port = 80
        case (nil, _): return nil
        }
        self.scheme = scheme
        self.host = host
    }
}
