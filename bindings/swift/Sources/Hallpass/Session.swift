import Foundation
internal import HallpassBindings

/// The signed-in user of one account: login, renewal, secure storage and calls to APIs.
///
/// ```swift
/// let session = try Session(.auth0(domain: "tenant.eu.auth0.com", clientID: "aBcD1234", redirectURI: "com.example.app:/callback"))
/// let user = try await session.login()
/// let credentials = try await session.credentials()
/// ```
///
/// A user is signed out only when the server says so or the user asks: not by a lost connection, a locked device or a
/// server that fails. The refresh token stays in the core and in the store; no method returns it.
///
/// Keep one session an account for as long as the app runs: a second on the same account and store is
/// ``HallpassError/misconfigured(field:fix:)``. Every method may be called from any task, and at the same time as any other.
public final class Session: Sendable {
    /// Whether a user is signed in.
    public enum State: Sendable, Hashable {
        /// The store has not been read yet, or could not be read: then why. Show neither the sign-in screen nor the signed-in
        /// one. The next verb tries again, and so does ``Session/reload()``.
        case restoring(StorageProblem?)
        /// No one is signed in.
        case signedOut(LoginReason)
        /// A user is signed in; offline too, and while the access token waits to be renewed.
        case signedIn(User)
        /// A user is known and the session is kept, but the access token cannot be renewed: ``LoginReason/noRefreshToken`` once
        /// it has expired, or ``LoginReason/refused``. Offer ``Session/login(_:)``.
        case loginRequired(User, LoginReason)

        /// The user, as long as one is known: signed in, or asked to log in again.
        public var user: User? {
            switch self {
            case .signedIn(let user), .loginRequired(let user, _): user
            case .restoring, .signedOut: nil
            }
        }
    }

    /// Something that happened. Log-safe.
    public enum Event: Sendable, Hashable {
        /// A user signed in.
        case signedIn
        /// An access token was renewed and is durable.
        case renewed
        /// A renewal did not succeed: whether trying again later may help, and the error's code.
        case renewalFailed(isRetryable: Bool, code: String)
        /// The ID token of a renewal failed this check (OpenID Connect Core §12.2). The user's claims stay as they were, and the
        /// session goes on.
        case idTokenRejected(check: String)
        /// The session ended.
        case signedOut(LoginReason)
    }

    /// How long an access token has to be valid unless a call says otherwise: 60 seconds.
    public static let defaultMinTTL = Duration.seconds(60)

    /// The settings that the session was opened with.
    public let config: Config

    let core: HallpassBindings.Session
    let relay: Relay
    let logins: LoginTurns

    /// Opens the session of an account, and begins to restore it from the store. Nothing is sent.
    ///
    /// - Parameters:
    ///   - config: the settings.
    ///   - account: which of several accounts on this device this is, such as `work`; `default` when `nil`.
    ///   - store: where the session is stored.
    ///   - browser: where the user signs in; ``WebBrowser`` on Apple's systems when `nil`. Elsewhere, or when the app opens
    ///     the page itself, ``startLogin(_:)`` and ``resume(_:)`` need none.
    ///   - transport: how requests are sent; by the core when `nil`, with TLS by rustls and the system's trust decisions.
    ///   - signer: the key that tokens are bound to with ``Config/dpop``, such as ``SecureEnclaveSigner``; one in software, kept in
    ///     `store`, when `nil`.
    ///   - leaseDirectory: the folder in which an app and its extensions take turns to renew, in their app group's
    ///     container. Leave it out when this process alone uses the account.
    ///   - clock: clocks that a test moves.
    /// - Throws: ``HallpassError/misconfigured(field:fix:)`` naming what is missing or wrong; ``HallpassError/storage(_:detail:)``.
    public init(
        _ config: Config, account: String? = nil, store: Store = .keychain(), browser: (any Browser)? = nil,
        transport: (any Transport)? = nil, signer: (any KeySigner)? = nil, leaseDirectory: URL? = nil, clock: ShiftedClock? = nil
    ) throws(HallpassError) {
        let (relay, logins) = (Relay(), LoginTurns())
        let options = SessionOptions(
            config: .init(config), account: account, store: .init(store, of: logins),
            transport: transport.map { TransportPort($0, of: logins) },
            browser: (browser ?? Self.systemBrowser).map { BrowserPort($0, logins: logins) },
            signer: signer.map { KeySignerPort($0, of: logins) }, observer: relay,
            leaseFolder: leaseDirectory?.path, leaseKeeper: SessionOptions.leaseKeeper, clock: clock?.core)
        do {
            core = try HallpassBindings.Session.open(options: options)
        } catch {
            throw HallpassError(crossing: error)
        }
        self.config = config
        self.relay = relay
        self.logins = logins
    }

    deinit { relay.finish() }

    /// The present state. Does not wait, and does not ask the server.
    public var state: State { relay.state }

    /// The present state, then each next one, until the session is deallocated. States that nobody was ready for are left
    /// out: what comes is always the latest.
    public var states: AsyncStream<State> { relay.states() }

    /// What happens from now on, until the session is deallocated; for a log.
    public var events: AsyncStream<Event> { relay.events() }

    /// The user, offline too, and while a login is required; `nil` when no one is signed in or the session is not restored yet.
    public var user: User? { core.user().map(User.init) }

    /// Waits until the session has been restored from the store, and returns its state.
    ///
    /// - Throws: ``HallpassError/storage(_:detail:)`` when the store cannot be read now; the next verb tries again.
    @discardableResult
    public func restored() async throws(HallpassError) -> State {
        try await crossing { State(try await self.core.restored()) }
    }

    /// Reads the session from the store once more, publishes its state and returns it; nothing is sent. For the moments when the
    /// store may have become readable, or another process may have changed it: the device was unlocked, the app came to the
    /// foreground.
    ///
    /// - Throws: ``HallpassError/storage(_:detail:)`` when the store cannot be read now.
    @discardableResult
    public func reload() async throws(HallpassError) -> State {
        try await crossing { State(try await self.core.reload()) }
    }

    /// Returns a valid access token, renewing it when it does not last for another `minTTL`.
    ///
    /// The usual answer comes from memory, without a lock on the core, a crossing into it or a request. However many tasks
    /// ask for a token that has to be renewed, one request is sent and all share its outcome. A token whose whole lifetime is
    /// shorter than `minTTL` is returned all the same. Cancelling the task does not cancel a renewal: the answer to it may
    /// hold the next refresh token.
    ///
    /// - Parameters:
    ///   - minTTL: for how long it has to be valid at least.
    ///   - audience: for another API than the one of the login (Auth0).
    ///   - scope: with a narrower scope than the one of the login.
    /// - Throws: ``HallpassError/loginRequired(_:)``, ``HallpassError/offline(_:retryAfter:)``,
    ///   ``HallpassError/storage(_:detail:)``, ``HallpassError/denied(code:words:)`` or ``HallpassError/untrusted(check:)``.
    public func credentials(
        minTTL: Duration = defaultMinTTL, audience: String? = nil, scope: String? = nil
    ) async throws(HallpassError) -> Credentials {
        if audience == nil, scope == nil, let latest = relay.credentials(lasting: minTTL) { return latest }
        let request = CredentialsRequest(
            minTtlMilliseconds: minTTL.wholeMilliseconds, audience: audience, scope: scope)
        return try await crossing { Credentials(try await self.core.credentials(request: request)) }
    }

    /// Renews an access token now, however long the present one lasts: that of the login, or the one for `audience` and `scope`.
    ///
    /// - Throws: as ``credentials(minTTL:audience:scope:)``.
    @discardableResult
    public func renew(audience: String? = nil, scope: String? = nil) async throws(HallpassError) -> Credentials {
        let request = CredentialsRequest(minTtlMilliseconds: 0, audience: audience, scope: scope)
        return try await crossing { Credentials(try await self.core.renew(request: request)) }
    }

    /// Returns the ID token, for a service that takes it as proof of who the user is (Firebase, Supabase, Amazon Cognito). One
    /// that does not last for another `minTTL` is renewed, where the provider sends an ID token with a renewal. It is no access
    /// token: call no API of your own with it.
    ///
    /// - Throws: ``HallpassError/misconfigured(field:fix:)`` naming `id_token` when the last one has expired and the provider sends
    ///   none with a renewal; else as ``credentials(minTTL:audience:scope:)``.
    public func idToken(minTTL: Duration = defaultMinTTL) async throws(HallpassError) -> IDToken {
        try await crossing { IDToken(try await self.core.idToken(minTtlMilliseconds: minTTL.wholeMilliseconds)) }
    }

    /// Sends a request to an API with the access token; when the API answers 401, renews once and repeats once.
    ///
    /// - Returns: the answer, whatever its status.
    /// - Throws: as ``credentials(minTTL:audience:scope:)``, and ``HallpassError/misconfigured(field:fix:)`` for an origin
    ///   that is not one of ``Config/apiOrigins``.
    public func call(_ request: ApiRequest) async throws(HallpassError) -> ApiReply {
        try await crossing { ApiReply(try await self.core.call(request: .init(request))) }
    }

    /// Authorizes one request of the app's own HTTP client. Set ``Authorization/headers`` on the request, and hand the answer to
    /// ``after(_:status:headers:)``, which says whether the request is to be sent once more. `URLSession` has
    /// ``Foundation/URLSession/data(for:session:minTTL:audience:scope:)``, which does both.
    ///
    /// - Throws: as ``credentials(minTTL:audience:scope:)``, and ``HallpassError/misconfigured(field:fix:)`` for an origin
    ///   that is not one of ``Config/apiOrigins``.
    public func authorize(
        _ method: String, _ url: URL, minTTL: Duration = defaultMinTTL, audience: String? = nil, scope: String? = nil
    ) async throws(HallpassError) -> Authorization {
        let request = CredentialsRequest(minTtlMilliseconds: minTTL.wholeMilliseconds, audience: audience, scope: scope)
        return try await crossing {
            Authorization(try await self.core.authorize(method: method, url: url.absoluteString, request: request))
        }
    }

    /// Says what follows from an API's answer to an authorized request: the request is to be sent again with the header fields of
    /// what is returned, or, when that is `nil`, the answer is for the app. A refused access token is replaced once, and a nonce
    /// that the API wants in a proof (RFC 9449 §9) is put there once for each token.
    ///
    /// Call it for every answer, whatever its status: a nonce may come with any.
    ///
    /// - Throws: ``HallpassError/stepUpRequired(_:)`` when the API wants the user to authenticate again; else as
    ///   ``credentials(minTTL:audience:scope:)``, where a new access token is needed and cannot be had.
    public func after(
        _ authorization: Authorization, status: Int, headers: [HTTPHeader]
    ) async throws(HallpassError) -> Authorization? {
        guard let receipt = authorization.receipt else {
            throw .misconfigured(field: "authorization", fix: "hand back what `authorize` or `after` of this session returned")
        }
        guard let status = UInt16(exactly: status) else {
            throw .misconfigured(field: "status", fix: "hand over the status of the answer, a number of three digits")
        }
        let fields = headers.map(HallpassBindings.HttpHeader.init)
        return try await crossing {
            try await self.core.after(receipt: receipt, status: status, headers: fields).map(Authorization.init)
        }
    }

    /// Asks the provider for the user's claims (OpenID Connect Core §5.3), about the same user as the ID token.
    ///
    /// - Throws: as ``credentials(minTTL:audience:scope:)``.
    public func userinfo() async throws(HallpassError) -> User {
        try await crossing { User(try await self.core.userinfo()) }
    }

    /// What is known of the session, for a log when something surprises, and for a support case. Sends nothing and reads no store.
    public func report() async -> Report {
        let attributes = await core.report().map { ($0.name, $0.value) }
        return Report(attributes: Dictionary(attributes, uniquingKeysWith: { first, _ in first }))
    }

    /// The accounts that are stored for the provider and client of `config`, signed in or not, in order.
    ///
    /// - Throws: ``HallpassError/storage(_:detail:)``; ``HallpassError/misconfigured(field:fix:)``.
    public static func accounts(_ config: Config, store: Store = .keychain()) async throws(HallpassError) -> [String] {
        do {
            return try await HallpassBindings.accounts(config: .init(config), store: .init(store, of: nil))
        } catch {
            throw HallpassError(crossing: error)
        }
    }

    /// Calls the core, and lets no error cross but ours. A port of this session that calls a verb of it would wait for itself.
    func crossing<Value: Sendable>(
        _ verb: @escaping @Sendable () async throws -> Value
    ) async throws(HallpassError) -> Value {
        if PortCall.isInside(logins) {
            throw .misconfigured(
                field: "session",
                fix: "do not call a verb of a session from inside its own store, signer or transport: it would wait for itself")
        }
        do {
            return try await verb()
        } catch {
            throw HallpassError(crossing: error)
        }
    }
}
