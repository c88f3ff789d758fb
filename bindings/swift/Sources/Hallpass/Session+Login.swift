import Foundation
internal import HallpassBindings

extension Session {
    /// Signs the user in with the browser: authorization code with PKCE (RFC 7636, RFC 8252), the ID token checked.
    ///
    /// When the task is cancelled, the browser closes and the login ends as ``HallpassError/cancelled``; once the browser
    /// has come back, the login is finished all the same, because its code can be used only once.
    ///
    /// - Returns: who signed in. The session is durable then.
    /// - Throws: ``HallpassError/cancelled``, ``HallpassError/denied(code:words:)``, ``HallpassError/offline(_:retryAfter:)``,
    ///   ``HallpassError/untrusted(check:)``, ``HallpassError/storage(_:detail:)`` or ``HallpassError/misconfigured(field:fix:)``.
    @discardableResult
    public func login(_ options: LoginOptions = LoginOptions()) async throws(HallpassError) -> User {
        let number = await logins.begin()
        defer { logins.end(number) }
        guard !Task.isCancelled else { throw .cancelled }
        let outcome: Result<User, HallpassError> = await withTaskCancellationHandler {
            do throws(HallpassError) {
                return .success(try await crossing { User(try await self.core.login(options: .init(options))) })
            } catch {
                return .failure(error)
            }
        } onCancel: {
            logins.cancel(number) { [core] in
                // What cannot be deleted now expires; the login has ended either way.
                try? await core.cancelLogin()
            }
        }
        return try outcome.get()
    }

    /// Begins a login whose page the app opens itself. ``resume(_:)`` finishes it, in this process or in a later one: the
    /// app may be ended while the browser is open.
    ///
    /// - Returns: the page to open.
    /// - Throws: as ``login(_:)``.
    public func startLogin(_ options: LoginOptions = LoginOptions()) async throws(HallpassError) -> StartedLogin {
        let number = await logins.begin()
        defer { logins.end(number) }
        let started = try await crossing { try await self.core.startLogin(options: .init(options)) }
        guard let url = URL(string: started.url) else { throw .internal(reference: "authorization_url") }
        return StartedLogin(url: url, state: started.state)
    }

    /// Finishes a login with the URL that the app was opened with. A URL that no login waits for changes nothing.
    ///
    /// - Returns: who signed in.
    /// - Throws: ``HallpassError/untrusted(check:)`` with `callback_without_login` and the like for a URL that does not
    ///   belong to the login in progress, which goes on waiting; otherwise as ``login(_:)``.
    @discardableResult
    public func resume(_ callback: URL) async throws(HallpassError) -> User {
        try await resume(callback: callback.absoluteString)
    }

    /// The same with text that need not be a URL, for the driver of this package.
    package func resume(callback: String) async throws(HallpassError) -> User {
        try await crossing { User(try await self.core.resume(callback: callback)) }
    }

    /// Cancels the login in progress, if there is one.
    ///
    /// - Throws: ``HallpassError/storage(_:detail:)``.
    public func cancelLogin() async throws(HallpassError) {
        // Of all verbs the one that waits for no port: it may be called from inside one.
        do {
            try await core.cancelLogin()
        } catch {
            throw HallpassError(crossing: error)
        }
    }

    /// Logs the user out: erases the session here, then revokes the refresh token, then, when told so, ends the server's
    /// session in the browser. Works offline, where the first of these is all that can be done.
    ///
    /// No access token is returned any more, by any task, from before the first request on.
    ///
    /// - Throws: ``HallpassError/storage(_:detail:)`` when the session could not be erased; ``HallpassError/cancelled`` when the
    ///   user closed the browser, though logged out here; otherwise as ``login(_:)``.
    @discardableResult
    public func logout(_ options: LogoutOptions = LogoutOptions()) async throws(HallpassError) -> LoggedOut {
        try await crossing { LoggedOut(try await self.core.logout(options: .init(options))) }
    }

    /// Revokes the refresh token at the server, and then erases the session here; when the server cannot be reached, nothing
    /// changes. For "sign out this device" where the server has to know.
    ///
    /// - Throws: as ``credentials(minTTL:audience:scope:)``.
    public func revoke() async throws(HallpassError) {
        try await crossing { try await self.core.revoke() }
    }

    /// The page that ends the server's session, for apps that open it themselves.
    ///
    /// - Parameter returningTo: where the browser returns to; ``Config/postLogoutRedirectURI`` when `nil`.
    /// - Throws: ``HallpassError/misconfigured(field:fix:)``; ``HallpassError/offline(_:retryAfter:)`` when the provider's
    ///   metadata is not known yet.
    public func logoutURL(returningTo: String? = nil) async throws(HallpassError) -> URL {
        let address = try await crossing { try await self.core.logoutUrl(postLogoutRedirectUri: returningTo) }
        guard let url = URL(string: address) else { throw .internal(reference: "logout_url") }
        return url
    }
}

extension Session {
    /// The browser of a session that was given none.
    static var systemBrowser: (any Browser)? {
        #if canImport(AuthenticationServices)
        WebBrowser()
        #else
        nil
        #endif
    }
}
