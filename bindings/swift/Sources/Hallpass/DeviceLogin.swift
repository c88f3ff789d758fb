import Foundation
internal import HallpassBindings

/// What the user of a device login enters, and where (RFC 8628 §3.3).
public struct UserCode: Sendable, Hashable {
    /// The code, as the server writes it; to be shown large, in letters that cannot be mistaken.
    public let code: String
    /// The page on which it is entered, on any other device.
    public let verificationURI: URL
    /// The same page with the code in it, for a QR code; not every server has one. Show the code beside it.
    public let completeVerificationURI: URL?
    /// For how long both are good.
    public let lifetime: Duration

    /// A code as a server gives one; for tests and previews.
    public init(code: String, verificationURI: URL, completeVerificationURI: URL? = nil, lifetime: Duration) {
        self.code = code
        self.verificationURI = verificationURI
        self.completeVerificationURI = completeVerificationURI
        self.lifetime = lifetime
    }
}

extension Session {
    /// Signs the user in without a browser on this device, such as a television (RFC 8628): `show` is called once with a code,
    /// the user enters it in a browser elsewhere, and the server is asked until that has happened, as often as it allows.
    ///
    /// When the task is cancelled, and by ``cancelLogin()``, a logout or another login, it is withdrawn; tokens that come all the
    /// same are revoked. What the options say of the page (`prompt`, `invitation`, `connection`) has no meaning here.
    ///
    /// - Parameter show: shows the code, until this returns or throws.
    /// - Returns: who signed in. The session is durable then.
    /// - Throws: ``HallpassError/cancelled`` when the code is over before it was entered, or the login was withdrawn;
    ///   ``HallpassError/denied(code:words:)`` with `access_denied` when the user said no; ``HallpassError/misconfigured(field:fix:)``
    ///   when the provider has no such endpoint; otherwise as ``login(_:)``.
    @discardableResult
    public func deviceLogin(
        _ options: LoginOptions = LoginOptions(), show: @escaping @Sendable (UserCode) -> Void
    ) async throws(HallpassError) -> User {
        let number = await logins.begin()
        defer { logins.end(number) }
        guard !Task.isCancelled else { throw .cancelled }
        let outcome: Result<User, HallpassError> = await withTaskCancellationHandler {
            do throws(HallpassError) {
                return .success(
                    try await crossing {
                        User(try await self.core.deviceLogin(options: .init(options), display: CodeDisplayPort(show)))
                    })
            } catch {
                return .failure(error)
            }
        } onCancel: {
            logins.cancel(number) { [core] in
                // A device login is not stored, so this only withdraws it.
                try? await core.cancelLogin()
            }
        }
        return try outcome.get()
    }
}

/// An app's function as the core sees it.
private final class CodeDisplayPort: HallpassBindings.CodeDisplay {
    private let show: @Sendable (UserCode) -> Void

    init(_ show: @escaping @Sendable (UserCode) -> Void) { self.show = show }

    func show(code: HallpassBindings.UserCode) throws {
        show(try UserCode(code))
    }
}
