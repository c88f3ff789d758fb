import Foundation
internal import HallpassBindings

/// An app's store, as the core calls it. Whatever it throws crosses as one of three failures.
final class SecureStorePort: HallpassBindings.SecureStore {
    private let store: any SecureStore
    private let session: LoginTurns?

    /// - Parameter session: whose port this is.
    init(_ store: any SecureStore, of session: LoginTurns?) {
        self.store = store
        self.session = session
    }

    func identity() throws -> String { store.identity }

    func load(name: String) async throws -> String? {
        try await translated { try await self.store.load(name) }
    }

    func save(name: String, value: String) async throws {
        try await translated { try await self.store.save(value, under: name) }
    }

    func delete(name: String) async throws {
        try await translated { try await self.store.delete(name) }
    }

    func list() async throws -> [String] {
        try await translated { try await self.store.names() }
    }

    private func translated<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
        do {
            return try await PortCall.run(of: session, operation)
        } catch StoreError.locked {
            throw StoreFailure.Locked
        } catch StoreError.invalidated {
            throw StoreFailure.Invalidated
        } catch {
            throw StoreFailure.Failed
        }
    }
}

/// An app's signer, as the core calls it. Whatever it throws crosses as one of three failures.
final class KeySignerPort: HallpassBindings.KeySigner {
    private let signer: any KeySigner
    private let session: LoginTurns?

    /// - Parameter session: whose port this is.
    init(_ signer: any KeySigner, of session: LoginTurns?) {
        self.signer = signer
        self.session = session
    }

    func identity() throws -> String { signer.identity }

    func publicKey() async throws -> Data {
        try await translated { try await self.signer.publicKey() }
    }

    func sign(message: Data) async throws -> Data {
        try await translated { try await self.signer.sign(message) }
    }

    func delete() async throws {
        try await translated { try await self.signer.delete() }
    }

    private func translated<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
        do {
            return try await PortCall.run(of: session, operation)
        } catch SignerError.locked {
            throw SignerFailure.Locked
        } catch SignerError.invalidated {
            throw SignerFailure.Invalidated
        } catch {
            throw SignerFailure.Failed
        }
    }
}

/// An app's transport, as the core calls it.
final class TransportPort: HallpassBindings.Transport {
    private let transport: any Transport
    private let session: LoginTurns?

    /// - Parameter session: whose port this is.
    init(_ transport: any Transport, of session: LoginTurns?) {
        self.transport = transport
        self.session = session
    }

    func send(request: HttpRequest) async throws -> HttpResponse {
        // The core writes URLs in ASCII; one that Foundation does not take was never meant for this transport.
        guard let url = URL(string: request.url) else { throw TransportFailure.InvalidRequest }
        let whole = TransportRequest(
            method: request.method, url: url, headers: request.headers.map(HTTPHeader.init), body: request.body,
            maxResponseBytes: Int(clamping: request.maxResponseBytes))
        do {
            let answer = try await PortCall.run(of: session) { try await self.transport.send(whole) }
            guard let status = UInt16(exactly: answer.status) else { throw TransportError.noAnswer }
            return HttpResponse(status: status, headers: answer.headers.map(HttpHeader.init), body: answer.body)
        } catch let error as TransportError {
            throw error.failure
        } catch {
            throw TransportFailure.NoAnswer
        }
    }
}

/// An app's browser, as the core calls it.
final class BrowserPort: HallpassBindings.Browser {
    private let browser: any Browser
    private let logins: LoginTurns

    init(_ browser: any Browser, logins: LoginTurns) {
        self.browser = browser
        self.logins = logins
    }

    func visit(url: String, redirectUri: String) async throws -> String {
        // A login that was cancelled before its page could be opened must not open it.
        guard !logins.isCancelled else { throw BrowserFailure.Cancelled }
        guard let page = URL(string: url) else { throw BrowserFailure.Failed(problem: .other) }
        do {
            return try await browser.open(page, redirectURI: redirectUri).absoluteString
        } catch BrowserError.cancelled {
            throw BrowserFailure.Cancelled
        } catch BrowserError.redirectNotAssociated {
            throw BrowserFailure.RedirectUri
        } catch is CancellationError {
            throw BrowserFailure.Cancelled
        } catch BrowserError.failed(let problem) {
            throw BrowserFailure.Failed(problem: problem.core)
        } catch {
            throw BrowserFailure.Failed(problem: .other)
        }
    }
}

extension BrowserProblem {
    fileprivate var core: HallpassBindings.BrowserProblem {
        switch self {
        case .noBrowser: .noBrowser
        case .noneAllowed: .noneAllowed
        case .noneEphemeral: .noneEphemeral
        case .keepsAppLinks: .keepsAppLinks
        case .notShown: .notShown
        case .notDeclared: .notDeclared
        case .anotherURL: .anotherUrl
        case .other: .other
        }
    }
}

extension TransportError {
    fileprivate var failure: TransportFailure {
        switch self {
        case .unreachable: .Unreachable
        case .tls: .Tls
        case .noAnswer: .NoAnswer
        case .tooLarge: .TooLarge
        case .invalidRequest: .InvalidRequest
        }
    }
}
