import Foundation
import Hallpass

/// A browser that does what a closure says: returns the callback, or throws what a user would cause.
///
/// ```swift
/// let browser = FakeBrowser { page, redirectURI in throw BrowserError.cancelled }
/// ```
public struct FakeBrowser: Browser {
    private let visit: @Sendable (URL, String) async throws -> URL

    /// A browser that calls `visit` with the page and the redirect URI.
    public init(_ visit: @escaping @Sendable (_ page: URL, _ redirectURI: String) async throws -> URL) {
        self.visit = visit
    }

    public func open(_ url: URL, redirectURI: String) async throws -> URL { try await visit(url, redirectURI) }
}

/// A transport that does what a closure says, and remembers the requests.
public final class FakeTransport: Transport {
    private let answer: @Sendable (TransportRequest) async throws -> TransportResponse
    private let sent = Guarded<[TransportRequest]>([])

    /// A transport that answers with what `answer` returns or throws.
    public init(_ answer: @escaping @Sendable (TransportRequest) async throws -> TransportResponse) { self.answer = answer }

    /// What was sent so far, in order.
    public var requests: [TransportRequest] { sent.withLock { $0 } }

    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        sent.withLock { $0.append(request) }
        return try await answer(request)
    }
}
