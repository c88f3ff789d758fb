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
        exchanges = Exchanges { _, _, _ in nil }
        session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
    }

    // A URLSession keeps its delegate until it is told.
    deinit { session.invalidateAndCancel() }

    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        var whole = URLRequest(url: request.url)
        whole.httpMethod = request.method
        for header in request.headers { whole.addValue(header.value, forHTTPHeaderField: header.name) }
        if !request.body.isEmpty { whole.httpBody = request.body }
        do {
            let (body, response) = try await exchanges.result(of: session.dataTask(with: whole), limit: request.maxResponseBytes)
            let headers = response.allHeaderFields.map { HTTPHeader(name: "\($0.key)", value: "\($0.value)") }
            return TransportResponse(status: response.statusCode, headers: headers, body: body)
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(error)
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
