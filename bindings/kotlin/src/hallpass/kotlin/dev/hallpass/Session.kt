package dev.hallpass

import dev.hallpass.internal.CoreSession
import dev.hallpass.ports.Browser
import dev.hallpass.ports.Elapsed
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.KeySigner
import dev.hallpass.ports.MovableClock
import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.Transport
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The session of one account: log in, get credentials, renew, call APIs, log out, watch.
 *
 * Every function may be called from any thread, the main thread included, and throws [HallpassException] only, which is
 * named by what the app does next. Cancelling a coroutine stops the waiting, never an exchange of tokens that has begun:
 * that is finished and stored. An app has one session for each account for as long as it runs, and a test puts its own
 * implementation of this interface in its place.
 */
public interface Session : AutoCloseable {
    /** The states from now on, beginning with the present one. */
    public val states: StateFlow<SessionState>

    /** What happens from now on; a slow collector loses the oldest events first. */
    public val events: Flow<SessionEvent>

    /** The present state. */
    public val state: SessionState get() = states.value

    /** The user by the latest ID token, offline too, and while a login is required; `null` when none is known. */
    public val user: User? get() = state.user

    /**
     * Signs the user in: opens the system browser, exchanges the code of the redirect and stores the session. When the
     * process dies while the browser is open, [resume] finishes the login.
     *
     * @throws HallpassException.Cancelled when the user closes the browser, another login begins or [cancelLogin] is called
     * @throws HallpassException any other; a session that was there stays as it was
     */
    public suspend fun login(login: Login = Login()): User

    /**
     * Signs the user in without a browser on this device, such as a television (RFC 8628): [show] is called once with a code, the
     * user enters it in a browser elsewhere, and the server is asked until that has happened, as often as it allows. What
     * [login] says of the page (`prompt`, `invitation`, `connection`) has no meaning here.
     *
     * Cancelling the coroutine, [cancelLogin], a logout or another login withdraws it; tokens that come all the same are revoked.
     *
     * @param show shows the code until this returns or throws; called on a thread of the library's
     * @throws HallpassException.Cancelled when the code is over before it was entered, or the login was withdrawn
     * @throws HallpassException.Denied with `access_denied` when the user said no
     * @throws HallpassException.Misconfigured when the provider has no such endpoint
     * @throws HallpassException any other, as [login]
     */
    public suspend fun deviceLogin(login: Login = Login(), show: (UserCode) -> Unit): User

    /**
     * Begins a login whose page the app opens itself, and stores it, so that it survives the end of the process.
     *
     * @throws HallpassException as [login]
     */
    public suspend fun startLogin(login: Login = Login()): StartedLogin

    /**
     * Finishes a login with the URL that the browser came back with. A URL that does not belong to the login in progress
     * changes nothing, whoever sent it.
     *
     * @throws HallpassException.Untrusted when it is not the callback that is waited for
     * @throws HallpassException any other, as [login]
     */
    public suspend fun resume(callback: String): User

    /** Cancels the login in progress, if there is one. An exchange that has begun is not interrupted. */
    public suspend fun cancelLogin()

    /**
     * Returns an access token that lasts for [minTtl] at least, renewing it when it does not. Cheap enough to be asked
     * before every request: a hit is answered from memory, without locks, and does not suspend.
     *
     * @param audience for another API than the one of the login
     * @param scope with a narrower scope than the login's, its values separated by spaces
     * @throws HallpassException.LoginRequired when nobody is signed in or the session cannot be renewed
     * @throws HallpassException.Offline when the token has expired and the server cannot be asked; the user stays signed in
     * @throws HallpassException any other but `Cancelled`
     */
    public suspend fun credentials(
        minTtl: Duration = DEFAULT_MIN_TTL,
        audience: String? = null,
        scope: String? = null,
    ): Credentials

    /**
     * Renews the access token now, valid or not. Callers at the same time share one renewal.
     *
     * @param audience that of another API: its token is renewed, and the one of the login is not
     * @param scope that of a token with a narrower scope than the login's
     * @throws HallpassException as [credentials]; `LoginRequired` without a refresh token, and then nothing is sent
     */
    public suspend fun renew(audience: String? = null, scope: String? = null): Credentials

    /**
     * Returns the ID token, for a service that takes it as proof of who the user is (Firebase, Supabase, Amazon Cognito). One that
     * does not last for [minTtl] is renewed, where the provider sends an ID token with a renewal.
     *
     * @throws HallpassException.LoginRequired when nobody is signed in
     * @throws HallpassException.Misconfigured with the code `id_token` when the last one has expired and the provider sends none
     *   with a renewal
     * @throws HallpassException any other, as [credentials]
     */
    public suspend fun idToken(minTtl: Duration = DEFAULT_MIN_TTL): IdToken

    /**
     * Sends a request to an API with the access token; when the API answers 401, renews once and repeats it once. Any
     * answer of the API is returned, whatever its status; a redirect is not followed. It is sent by the session's transport, which
     * is `HttpURLConnection` on Android: who uses that needs no more than this. For any other client there is [authorize].
     *
     * @throws HallpassException.Misconfigured when the URL's origin is not one of [Config.apiOrigins], or the request brings its
     *   own `Authorization`, `DPoP` or `Host`
     * @throws HallpassException.StepUpRequired when the API wants the user to authenticate again
     * @throws HallpassException any other, as [credentials]
     */
    public suspend fun call(request: ApiRequest): ApiReply

    /**
     * Authorizes one request of the app's own HTTP client: returns the header fields to send with it. Hand the answer to [after],
     * which says whether the request is to be sent once more:
     *
     * ```
     * var authorization = session.authorize("GET", url)
     * while (true) {
     *     val answer = send(url, authorization.headers)
     *     authorization = session.after(authorization, answer.status, answer.headers) ?: return answer
     * }
     * ```
     *
     * @param method `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`
     * @param url an absolute URL below one of [Config.apiOrigins]
     * @param minTtl how long the access token is valid at least
     * @param audience for another API than the one of the login
     * @param scope with a narrower scope than the login's, its values separated by spaces
     * @throws HallpassException.Misconfigured when the URL's origin is not one of [Config.apiOrigins]
     * @throws HallpassException any other, as [credentials]
     */
    public suspend fun authorize(
        method: String,
        url: String,
        minTtl: Duration = DEFAULT_MIN_TTL,
        audience: String? = null,
        scope: String? = null,
    ): Authorization

    /**
     * Says what follows from an API's answer to an authorized request: the header fields to send it again with, or `null` when the
     * answer is for the app. One request is sent again at most once with a new access token in place of a refused one, and at most
     * once a token for the API's nonce (RFC 9449 §9). Call it for every answer, whatever its status: a nonce may come with any.
     *
     * @param status the status code of the answer
     * @param headers its header fields
     * @throws HallpassException.StepUpRequired when the API wants the user to authenticate again
     * @throws HallpassException any other, as [credentials], where another access token is needed and cannot be had
     */
    public suspend fun after(authorization: Authorization, status: Int, headers: List<HttpHeader>): Authorization?

    /**
     * Asks the provider for the user's claims (OpenID Connect Core §5.3), which have to be about the signed-in user.
     *
     * @throws HallpassException.Untrusted when they are about somebody else
     * @throws HallpassException any other, as [call]
     */
    public suspend fun userinfo(): User

    /**
     * Logs the user out: erases the session here, then revokes the refresh token at the server and, if asked for, ends the
     * server's own session in the browser. When this returns, [credentials] gives nothing out any more.
     *
     * @throws HallpassException.Storage when the session could not be erased; then nothing has changed
     */
    public suspend fun logout(logout: Logout = Logout()): LoggedOut

    /**
     * Revokes the refresh token at the server (RFC 7009) and, once that is confirmed, erases the session.
     *
     * @throws HallpassException of the request; then nothing was erased
     */
    public suspend fun revoke()

    /**
     * The page that ends the server's session, for apps that open it themselves.
     *
     * @param postLogoutRedirectUri where it leads afterwards; registered with the server
     * @throws HallpassException.Misconfigured when the provider has no such page
     */
    public suspend fun logoutUrl(postLogoutRedirectUri: String? = null): String

    /**
     * Waits until the session has been read from the store, and returns the state.
     *
     * @throws HallpassException.Storage when it cannot be read now
     */
    public suspend fun restored(): SessionState

    /**
     * Reads the session from the store once more, publishes its state and returns it; nothing is sent. For the moments when the
     * store may have become readable, or another process may have changed it: the device was unlocked, the app came to the
     * foreground.
     *
     * @throws HallpassException.Storage when it cannot be read now
     */
    public suspend fun reload(): SessionState

    /** What is known of the session, for a log when something surprises, and for a support case. Sends nothing and reads no store. */
    public suspend fun report(): Report

    /**
     * Closes the session, and signs nobody out. A renewal in flight is finished and stored first. Every function of a closed session
     * throws [HallpassException.Misconfigured] with the code `session`.
     */
    override fun close()

    /** Opens sessions. */
    public companion object {
        /** How long the access token that [credentials] returns is valid at least, unless it is told. */
        public val DEFAULT_MIN_TTL: Duration = 60.seconds

        /**
         * Opens the session of [account] and begins to restore it from [store]. On Android, `HallpassAndroid.session`
         * calls this with the platform's store, transport and browser.
         *
         * @param transport how requests are sent; by default as the core does it, which Android's library cannot
         * @param browser where the user signs in; without one, [startLogin] and [resume] serve
         * @param account which of several accounts of this device
         * @param leaseFolder a folder in which processes that share [store] take turns
         * @param elapsed the clock by which the lifetime of credentials is judged
         * @param signer the key that tokens are bound to with [Config.dpop]; by default one in software, kept in [store]
         * @param clock clocks that a test moves; credentials are then always asked for at the core
         * @throws HallpassException.Misconfigured naming what is missing or wrong, such as an account that is open already
         * @throws HallpassException.Storage when [store] does not tell its identity
         */
        public fun open(
            config: Config,
            store: SecureStore,
            transport: Transport? = null,
            browser: Browser? = null,
            account: String? = null,
            leaseFolder: String? = null,
            elapsed: Elapsed = Elapsed.SYSTEM,
            clock: MovableClock? = null,
            signer: KeySigner? = null,
        ): Session = CoreSession.open(config, store, transport, browser, account, leaseFolder, elapsed, clock, signer)
    }
}
