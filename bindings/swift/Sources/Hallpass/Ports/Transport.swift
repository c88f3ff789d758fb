import Foundation

/// Sends HTTP requests. A session has one of its own unless it is given another, such as ``URLSessionTransport``.
///
/// It follows no redirect, keeps no cookie, caches nothing and logs nothing: requests carry refresh tokens.
public protocol Transport: Sendable {
    /// Returns the answer, whatever its status.
    ///
    /// - Throws: ``TransportError``; what matters is whether the server can have acted on the request. Any other error
    ///   counts as ``TransportError/noAnswer``, which is right whatever happened.
    func send(_ request: TransportRequest) async throws -> TransportResponse
}

/// A request to be sent as it is.
public struct TransportRequest: Sendable, Hashable {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE` or `HEAD`.
    public var method: String
    /// An absolute URL.
    public var url: URL
    /// The header fields that matter to the protocol, in order.
    public var headers: [HTTPHeader]
    /// The content; empty for none.
    public var body: Data
    /// How many bytes of the response's body may be read; of more, ``TransportError/tooLarge`` is thrown.
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

/// A response, read whole.
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

/// Why there is no answer.
public enum TransportError: Error, Sendable, Hashable {
    /// The request did not leave. The server has not acted.
    case unreachable
    /// No trusted connection could be made. The server has not acted.
    case tls
    /// The request left, in part at least, and no whole answer came back. The server may have acted.
    case noAnswer
    /// The answer is larger than asked for.
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
