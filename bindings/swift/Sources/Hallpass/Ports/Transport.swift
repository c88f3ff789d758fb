import Foundation

/// Sends HTTP requests. A session has a default one; it can be given another, such as ``URLSessionTransport``.
///
/// It follows no redirect, keeps no cookie, caches nothing and logs nothing: requests carry refresh tokens.
public protocol Transport: Sendable {
    /// Returns the response, whatever its status.
    ///
    /// - Throws: ``TransportError``, which says whether the server may have acted on the request. Any other error counts as
    ///   ``TransportError/noAnswer``, which is always safe.
    func send(_ request: TransportRequest) async throws -> TransportResponse
}

/// A request, to be sent unchanged.
public struct TransportRequest: Sendable, Hashable {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`.
    public var method: String
    /// An absolute URL.
    public var url: URL
    /// The header fields of the protocol, in order.
    public var headers: [HTTPHeader]
    /// The content; empty for none.
    public var body: Data
    /// How many bytes of the response's body may be read; for a larger one, throw ``TransportError/tooLarge``.
    public var maxResponseBytes: Int

    /// A request.
    public init(method: String, url: URL, headers: [HTTPHeader] = [], body: Data = Data(), maxResponseBytes: Int) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.maxResponseBytes = maxResponseBytes
    }
}

/// A complete response.
public struct TransportResponse: Sendable, Hashable {
    /// The status code.
    public var status: Int
    /// The header fields.
    public var headers: [HTTPHeader]
    /// The body, decoded from any transfer or content encoding.
    public var body: Data

    /// A response.
    public init(status: Int, headers: [HTTPHeader] = [], body: Data = Data()) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Why there is no response.
public enum TransportError: Error, Sendable, Hashable {
    /// The request was not sent. The server has not acted.
    case unreachable
    /// No trusted connection could be made. The server has not acted.
    case tls
    /// The request was sent, at least in part, and no complete response came. The server may have acted.
    case noAnswer
    /// The response is larger than the request allows.
    case tooLarge
    /// The request cannot be expressed in HTTP. Nothing was sent.
    case invalidRequest
}

extension TransportRequest: RedactedDescription {
    /// The method and the size of the body.
    public var description: String { "TransportRequest(\(method), \(body.count) bytes)" }
}

extension TransportResponse: RedactedDescription {
    /// The status and the size of the body.
    public var description: String { "TransportResponse(\(status), \(body.count) bytes)" }
}
