package dev.hallpass.internal

import dev.hallpass.ApiReply
import dev.hallpass.ApiRequest
import dev.hallpass.Authorization
import dev.hallpass.Config
import dev.hallpass.Credentials
import dev.hallpass.HallpassException
import dev.hallpass.IdToken
import dev.hallpass.LoggedOut
import dev.hallpass.Login
import dev.hallpass.Logout
import dev.hallpass.Report
import dev.hallpass.Session
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import dev.hallpass.StartedLogin
import dev.hallpass.User
import dev.hallpass.UserCode
import dev.hallpass.ffi.CredentialsRequest
import dev.hallpass.ffi.SessionOptions
import dev.hallpass.ffi.Store
import dev.hallpass.ports.Browser
import dev.hallpass.ports.Elapsed
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.KeySigner
import dev.hallpass.ports.MovableClock
import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.Transport
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlin.time.Duration
import dev.hallpass.ffi.HallpassException as CoreException
import dev.hallpass.ffi.Session as Core

/** A [Session] over the Rust core. It converts and delegates; what it decides is that a hit does not cross to the core. */
internal class CoreSession private constructor(private val core: Core, private val watch: Watch) : Session {
    override val states: StateFlow<SessionState> = watch.states.asStateFlow()
    override val events: Flow<SessionEvent> = watch.events.asSharedFlow()

    override suspend fun login(login: Login): User = verb { core.login(login.toCore()).toPublic() }

    override suspend fun deviceLogin(login: Login, show: (UserCode) -> Unit): User = verb {
        core.deviceLogin(login.toCore(), ForeignDisplay(show)).toPublic()
    }

    override suspend fun startLogin(login: Login): StartedLogin = verb {
        val started = core.startLogin(login.toCore())
        StartedLogin(started.url, started.state)
    }

    override suspend fun resume(callback: String): User = verb { core.resume(callback).toPublic() }

    override suspend fun cancelLogin(): Unit = verb { core.cancelLogin() }

    override suspend fun credentials(minTtl: Duration, audience: String?, scope: String?): Credentials {
        if (audience == null && scope == null) watch.valid(minTtl)?.let { return it }
        return verb { core.credentials(CredentialsRequest(minTtl.toMilliseconds(), audience, scope)).toPublic() }
    }

    override suspend fun renew(audience: String?, scope: String?): Credentials = verb {
        // What is renewed lasts as long as it does.
        core.renew(CredentialsRequest(0uL, audience, scope)).toPublic()
    }

    override suspend fun idToken(minTtl: Duration): IdToken = verb { core.idToken(minTtl.toMilliseconds()).toPublic() }

    override suspend fun call(request: ApiRequest): ApiReply = verb { core.call(request.toCore()).toPublic() }

    override suspend fun authorize(
        method: String,
        url: String,
        minTtl: Duration,
        audience: String?,
        scope: String?,
    ): Authorization = verb {
        core.authorize(method, url, CredentialsRequest(minTtl.toMilliseconds(), audience, scope)).toPublic()
    }

    override suspend fun after(authorization: Authorization, status: Int, headers: List<HttpHeader>): Authorization? = verb {
        core.after(authorization.receipt ?: throw notOurs(), status.toCoreStatus(), headers.toCore())?.toPublic()
    }

    override suspend fun userinfo(): User = verb { core.userinfo().toPublic() }

    override suspend fun logout(logout: Logout): LoggedOut = verb {
        val outcome = core.logout(dev.hallpass.ffi.LogoutOptions(logout.endSession, logout.federated))
        LoggedOut(outcome.erased, outcome.revoked, outcome.sessionEnded)
    }

    override suspend fun revoke(): Unit = verb { core.revoke() }

    override suspend fun logoutUrl(postLogoutRedirectUri: String?): String = verb { core.logoutUrl(postLogoutRedirectUri) }

    override suspend fun restored(): SessionState = verb { core.restored().toPublic() }

    override suspend fun reload(): SessionState = verb { core.reload().toPublic() }

    override suspend fun report(): Report = verb { Report(core.report().associate { it.name to it.value }) }

    @Volatile
    private var isClosed = false

    override fun close() {
        isClosed = true
        watch.close()
        core.close()
    }

    override fun toString(): String = "Session($state)"

    /** As [converted], and what the generated code says of a handle that is gone is the app's mistake. */
    private inline fun <T> verb(work: () -> T): T =
        try {
            converted(work)
        } catch (error: HallpassException.Internal) {
            throw if (isClosed) closed().apply { initCause(error) } else error
        }

    private fun notOurs() = HallpassException.Misconfigured(
        "misconfigured (authorization): no session made it", "authorization", "hand back what `authorize` or `after` returned",
    )

    private fun closed() =
        HallpassException.Misconfigured("misconfigured (session): it is closed", "session", "open the session again, or close it later")

    companion object {
        fun open(
            config: Config,
            store: SecureStore,
            transport: Transport?,
            browser: Browser?,
            account: String?,
            leaseFolder: String?,
            elapsed: Elapsed,
            clock: MovableClock?,
            signer: KeySigner?,
        ): CoreSession {
            val watch = Watch(elapsed)
            val options = SessionOptions(
                config = config.toCore(),
                account = account,
                store = Store.Custom(ForeignStore(store)),
                transport = transport?.let(::ForeignTransport),
                browser = browser?.let(::ForeignBrowser),
                signer = signer?.let(::ForeignSigner),
                observer = watch,
                leaseFolder = leaseFolder,
                // Android suspends no process that holds a lock; only iOS ends one for it.
                leaseKeeper = null,
                clock = clock?.core,
            )
            return CoreSession(converted { Core.open(options) }, watch)
        }
    }
}

/**
 * Errors of the core come out as those of this library, and so does everything else but a cancellation. Inlined, so that a
 * suspending call stays the caller's.
 */
internal inline fun <T> converted(work: () -> T): T =
    try {
        work()
    } catch (error: CoreException) {
        throw error.toPublic()
    } catch (error: HallpassException) {
        throw error
    } catch (cancelled: CancellationException) {
        throw cancelled
    } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
        // A panic in the core, a value that did not fit through the border, or a handle that is gone.
        throw HallpassException.Internal("internal error (border)", "border").apply { initCause(error) }
    }
