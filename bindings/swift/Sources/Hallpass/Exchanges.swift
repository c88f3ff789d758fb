import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The requests in flight of one `URLSession`, whose delegate it is. Stops reading what is too large, and asks what to do
/// about redirects.
final class Exchanges: NSObject, URLSessionDataDelegate {
    /// What to request instead, given what was asked for first, where the redirect came from and what it leads to; `nil` to take
    /// the redirect for the answer.
    typealias Redirects = @Sendable (_ first: URLRequest, _ from: URL?, _ next: URLRequest) -> URLRequest?

    private struct Exchange {
        let limit: Int
        let continuation: CheckedContinuation<(Data, HTTPURLResponse), any Error>
        var body = Data()
        var isTooLarge = false
    }

    private let redirects: Redirects
    private let open = Locked<[Int: Exchange]>([:])

    init(redirects: @escaping Redirects) { self.redirects = redirects }

    /// Sends the request of `task`, and reads at most `limit` bytes of the answer.
    ///
    /// - Throws: ``TransportError/tooLarge``, ``TransportError/noAnswer`` for what is no HTTP, or the error of `URLSession`.
    func result(of task: URLSessionDataTask, limit: Int) async throws -> (Data, HTTPURLResponse) {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                open.withLock { $0[task.taskIdentifier] = Exchange(limit: limit, continuation: continuation) }
                task.resume()
            }
        } onCancel: {
            task.cancel()
        }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(task.originalRequest.flatMap { redirects($0, response.url, request) })
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isTooLarge = open.withLock { open in
            guard var exchange = open[dataTask.taskIdentifier] else { return false }
            // Once too large, always: what comes until the task has stopped must not close the gap.
            exchange.isTooLarge = exchange.isTooLarge || exchange.body.count + data.count > exchange.limit
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
            exchange.continuation.resume(throwing: error)
        } else if let response = task.response as? HTTPURLResponse {
            exchange.continuation.resume(returning: (exchange.body, response))
        } else {
            exchange.continuation.resume(throwing: TransportError.noAnswer)
        }
    }
}
