// Stands in for Apple's AuthenticationServices on Linux. See Stubs/README.md.
@_exported import Foundation

/// `UIWindow` or `NSWindow`.
@MainActor open class ASPresentationAnchor: NSObject {
    public nonisolated override init() {}
}

@MainActor public protocol ASWebAuthenticationPresentationContextProviding: NSObjectProtocol {
    func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor
}

public struct ASWebAuthenticationSessionError: Error, Sendable {
    public enum Code: Int, Sendable {
        case canceledLogin = 1
        case presentationContextNotProvided = 2
        case presentationContextInvalid = 3
    }

    public let code: Code
    public init(_ code: Code) { self.code = code }
}

@MainActor open class ASWebAuthenticationSession: NSObject {
    public typealias CompletionHandler = @Sendable (URL?, (any Error)?) -> Void

    public struct Callback: Sendable, Equatable {
        enum Kind: Equatable, Sendable {
            case customScheme(String)
            case https(host: String, path: String)
        }

        let kind: Kind
        public static func customScheme(_ scheme: String) -> Callback { Callback(kind: .customScheme(scheme)) }
        public static func https(host: String, path: String) -> Callback { Callback(kind: .https(host: host, path: path)) }
    }

    public let url: URL
    public let callback: Callback
    public weak var presentationContextProvider: (any ASWebAuthenticationPresentationContextProviding)?
    public var prefersEphemeralWebBrowserSession = false
    public private(set) var isCancelled = false
    private let completionHandler: CompletionHandler

    /// Not in Apple's: the sheets that are open, for tests to complete.
    public static var shown: [ASWebAuthenticationSession] = []
    /// Not in Apple's: whether `start` succeeds.
    public static var canStart = true

    public init(url: URL, callback: Callback, completionHandler: @escaping CompletionHandler) {
        self.url = url
        self.callback = callback
        self.completionHandler = completionHandler
    }

    public convenience init(url: URL, callbackURLScheme: String?, completionHandler: @escaping CompletionHandler) {
        self.init(url: url, callback: .customScheme(callbackURLScheme ?? ""), completionHandler: completionHandler)
    }

    @discardableResult open func start() -> Bool {
        guard Self.canStart, presentationContextProvider?.presentationAnchor(for: self) != nil else { return false }
        Self.shown.append(self)
        return true
    }

    open func cancel() {
        isCancelled = true
        Self.shown.removeAll { $0 === self }
    }

    /// Not in Apple's: the user has done something.
    public func complete(_ callback: URL?, _ error: (any Error)?) {
        Self.shown.removeAll { $0 === self }
        completionHandler(callback, error)
    }
}

extension ProcessInfo {
    public func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {
        ExpiringActivities.shared.begin()
        Thread.detachNewThread {
            block(false)
            ExpiringActivities.shared.end()
        }
    }
}

/// Not in Apple's: counts activities, for tests.
public final class ExpiringActivities: @unchecked Sendable {
    public static let shared = ExpiringActivities()
    private let lock = NSLock()
    private var counts = (begun: 0, ended: 0)

    /// How many were begun so far, and how many of them are not over.
    public var begun: Int { lock.withLock { counts.begun } }
    public var running: Int { lock.withLock { counts.begun - counts.ended } }

    func begin() { lock.withLock { counts.begun += 1 } }
    func end() { lock.withLock { counts.ended += 1 } }
}
