// Stands in for Apple's AuthenticationServices on Linux. See Stubs/README.md.
@_exported import Foundation
@_exported import UIKit

public typealias ASPresentationAnchor = UIWindow

@MainActor public protocol ASWebAuthenticationPresentationContextProviding: NSObjectProtocol {
    func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor
}

/// An `NSError` with a domain and a dictionary, as each error of Objective-C is.
public struct ASWebAuthenticationSessionError: CustomNSError, @unchecked Sendable {
    public enum Code: Int, Sendable {
        case canceledLogin = 1
        case presentationContextNotProvided = 2
        case presentationContextInvalid = 3
    }

    public static var errorDomain: String { "com.apple.AuthenticationServices.WebAuthenticationSession" }

    public let code: Code
    public let userInfo: [String: Any]
    public var errorCode: Int { code.rawValue }
    public var errorUserInfo: [String: Any] { userInfo }

    public init(_ code: Code, userInfo: [String: Any] = [:]) {
        self.code = code
        self.userInfo = userInfo
    }
}

/// Bound to no actor, and not `Sendable`.
open class ASWebAuthenticationSession: NSObject {
    /// Not `@Sendable`: a closure made on the main actor and given as one is taken to run there, and it does not.
    public typealias CompletionHandler = (URL?, (any Error)?) -> Void

    open class Callback: NSObject, @unchecked Sendable {
        /// Not in Apple's: what it waits for.
        public enum Kind: Equatable, Sendable {
            case customScheme(String)
            case https(host: String, path: String)
        }

        /// Not in Apple's.
        public let kind: Kind
        public required init(kind: Kind) { self.kind = kind }
        public class func customScheme(_ scheme: String) -> Self { Self(kind: .customScheme(scheme)) }
        public class func https(host: String, path: String) -> Self { Self(kind: .https(host: host, path: path)) }
    }

    public let url: URL
    public let callback: Callback
    public weak var presentationContextProvider: (any ASWebAuthenticationPresentationContextProviding)?
    public var prefersEphemeralWebBrowserSession = false
    public private(set) var isCancelled = false
    /// Not in Apple's: the window over which it opened.
    public private(set) var anchor: ASPresentationAnchor?
    private let completionHandler: CompletionHandler

    /// Not in Apple's: the sheets that are open, for tests to complete.
    @MainActor public static var shown: [ASWebAuthenticationSession] = []
    /// Not in Apple's: whether `start` succeeds.
    @MainActor public static var canStart = true

    public init(url: URL, callback: Callback, completionHandler: @escaping CompletionHandler) {
        self.url = url
        self.callback = callback
        self.completionHandler = completionHandler
    }

    public convenience init(url: URL, callbackURLScheme: String?, completionHandler: @escaping CompletionHandler) {
        self.init(url: url, callback: .customScheme(callbackURLScheme ?? ""), completionHandler: completionHandler)
    }

    @discardableResult open func start() -> Bool {
        MainActor.assumeIsolated {
            anchor = presentationContextProvider?.presentationAnchor(for: self)
            guard Self.canStart, anchor != nil else { return false }
            Self.shown.append(self)
            return true
        }
    }

    open func cancel() {
        isCancelled = true
        MainActor.assumeIsolated { Self.shown.removeAll { $0 === self } }
    }

    /// Not in Apple's: the user has done something. The handler is called on a queue of the system's, as on a Mac.
    public func complete(_ callback: URL?, _ error: (any Error)?) {
        MainActor.assumeIsolated { Self.shown.removeAll { $0 === self } }
        let completionHandler = completionHandler
        DispatchQueue(label: "com.apple.NSXPCConnection.user.endpoint").async { completionHandler(callback, error) }
    }
}
