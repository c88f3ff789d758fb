import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

extension URLSession {
    /// Sends `request` with an access token of `session`, and once more with another one when the API refuses it with 401. A token
    /// that is bound to a key is sent with a proof, and once more when the API wants its nonce in the proof.
    ///
    /// For requests that need this `URLSession`; ``Session/call(_:)`` needs none. A request that has an `Authorization` field of the
    /// app's own is sent as it is. A body in `httpBodyStream` is sent once: the 401 is then the answer. Redirects within the origin
    /// keep the token; to any other origin they are followed without it.
    ///
    /// - Parameters:
    ///   - request: the request, to an origin of ``Config/apiOrigins``.
    ///   - session: whose token.
    ///   - minTTL: for how long the token has to be valid at least.
    ///   - audience: for another API than the one of the login (Auth0).
    ///   - scope: with a narrower scope than the one of the login.
    /// - Returns: the body and the answer, whatever its status.
    /// - Throws: ``HallpassError`` from the session, `URLError` from this `URLSession`.
    public func data(
        for request: URLRequest, session: Session, minTTL: Duration = Session.defaultMinTTL, audience: String? = nil,
        scope: String? = nil
    ) async throws -> (Data, HTTPURLResponse) {
        var (request, hops) = (request, 0)
        while true {
            guard request.value(forHTTPHeaderField: "Authorization") == nil else { return try await followed(request) }
            let (data, response) = try await authorized(request, by: session, minTTL, audience, scope)
            // A proof is for one URL: a redirect is not followed by this URLSession then, but here.
            guard hops < 16, let next = request.redirected(by: response) else { return (data, response) }
            guard let url = next.url, let origin = request.url.flatMap(Origin.init), Origin(url) == origin else {
                return try await followed(next)
            }
            request = next
            hops += 1
        }
    }

    private func authorized(
        _ request: URLRequest, by session: Session, _ minTTL: Duration, _ audience: String?, _ scope: String?
    ) async throws -> (Data, HTTPURLResponse) {
        guard let url = request.url else {
            throw HallpassError.misconfigured(field: "url", fix: "give the request an absolute URL")
        }
        let method = request.httpMethod ?? "GET"
        var authorization = try await session.authorize(method, url, minTTL: minTTL, audience: audience, scope: scope)
        while true {
            var whole = request
            for field in authorization.headers { whole.setValue(field.value, forHTTPHeaderField: field.name) }
            let (data, response) = try await followed(whole)
            // An answer from elsewhere is to a request without the token.
            guard response.url.flatMap(Origin.init) == Origin(url),
                let again = try await session.after(authorization, status: response.statusCode, headers: response.fields),
                request.httpBodyStream == nil
            else { return (data, response) }
            authorization = again
        }
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
    fileprivate var fields: [HTTPHeader] {
        allHeaderFields.compactMap { name, value in
            guard let name = name as? String, let value = value as? String else { return nil }
            return HTTPHeader(name: name, value: value)
        }
    }
}

extension URLRequest {
    /// The request that a redirect of this one leads to (RFC 9110 §15.4), if `response` is one that was not followed.
    fileprivate func redirected(by response: HTTPURLResponse) -> URLRequest? {
        guard [301, 302, 303, 307, 308].contains(response.statusCode), httpBodyStream == nil,
            let location = response.value(forHTTPHeaderField: "Location"),
            let next = URL(string: location, relativeTo: response.url ?? url)?.absoluteURL
        else { return nil }
        var redirected = self
        redirected.url = next
        let keepsMethod = [307, 308].contains(response.statusCode) || ["GET", "HEAD"].contains(httpMethod ?? "GET")
        if !keepsMethod {
            redirected.httpMethod = "GET"
            redirected.httpBody = nil
            for field in ["Content-Type", "Content-Length"] { redirected.setValue(nil, forHTTPHeaderField: field) }
        }
        return redirected
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
