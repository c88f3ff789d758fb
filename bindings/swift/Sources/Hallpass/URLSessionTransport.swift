import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Sends requests with `URLSession`: for apps whose traffic has to go through the system's stack, such as for a per-app VPN,
/// or that pin certificates with a delegate of their own.
public final class URLSessionTransport: Transport {
    private let session: URLSession
    private let exchanges: Exchanges

    /// A transport with an ephemeral configuration: no cache, no cookies, no stored credentials.
    ///
    /// - Parameter timeout: for a whole request; 30 seconds unless given.
    public init(timeout: Duration = .seconds(30)) {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.httpCookieAcceptPolicy = .never
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        let seconds = TimeInterval(timeout.components.seconds)
        configuration.timeoutIntervalForRequest = seconds
        configuration.timeoutIntervalForResource = seconds
        exchanges = Exchanges()
        session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
    }

    // A URLSession keeps its delegate until it is told.
    deinit { session.invalidateAndCancel() }

    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        var whole = URLRequest(url: request.url)
        whole.httpMethod = request.method
        for header in request.headers { whole.addValue(header.value, forHTTPHeaderField: header.name) }
        if !request.body.isEmpty { whole.httpBody = request.body }
        let task = session.dataTask(with: whole)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                exchanges.begin(task, limit: request.maxResponseBytes, continuation)
                task.resume()
            }
        } onCancel: {
            task.cancel()
        }
    }
}

/// The requests in the air. Follows no redirect, and stops reading what is too large.
private final class Exchanges: NSObject, URLSessionDataDelegate {
    private struct Exchange {
        let limit: Int
        let continuation: CheckedContinuation<TransportResponse, any Error>
        var body = Data()
        var isTooLarge = false
    }

    private let open = Locked<[Int: Exchange]>([:])

    func begin(_ task: URLSessionTask, limit: Int, _ continuation: CheckedContinuation<TransportResponse, any Error>) {
        open.withLock { $0[task.taskIdentifier] = Exchange(limit: limit, continuation: continuation) }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isTooLarge = open.withLock { open in
            guard var exchange = open[dataTask.taskIdentifier] else { return false }
            exchange.isTooLarge = exchange.body.count + data.count > exchange.limit
            if !exchange.isTooLarge { exchange.body.append(data) }
            open[dataTask.taskIdentifier] = exchange
            return exchange.isTooLarge
        }
        if isTooLarge { dataTask.cancel() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard let exchange = open.withLock({ $0.removeValue(forKey: task.taskIdentifier) }) else { return }
        if exchange.isTooLarge {
            exchange.continuation.resume(throwing: TransportError.tooLarge)
        } else if let error {
            exchange.continuation.resume(throwing: TransportError(error))
        } else if let response = task.response as? HTTPURLResponse {
            let headers = response.allHeaderFields.map { HTTPHeader(name: "\($0.key)", value: "\($0.value)") }
            exchange.continuation.resume(
                returning: TransportResponse(status: response.statusCode, headers: headers, body: exchange.body))
        } else {
            exchange.continuation.resume(throwing: TransportError.noAnswer)
        }
    }
}

extension TransportError {
    /// What is known to have happened before anything was sent; everything else may have reached the server.
    init(_ error: any Error) {
        self =
            switch (error as? URLError)?.code {
            case .cannotFindHost, .cannotConnectToHost, .dnsLookupFailed, .notConnectedToInternet, .dataNotAllowed,
                .internationalRoamingOff, .callIsActive, .appTransportSecurityRequiresSecureConnection:
                .unreachable
            case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
                .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid, .clientCertificateRejected,
                .clientCertificateRequired:
                .tls
            case .badURL, .unsupportedURL: .invalidRequest
            default: .noAnswer
            }
    }
}
