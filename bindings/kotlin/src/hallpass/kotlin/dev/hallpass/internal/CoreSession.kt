package dev.hallpass.internal

import dev.hallpass.ApiReply
import dev.hallpass.ApiRequest
import dev.hallpass.Config
import dev.hallpass.Credentials
import dev.hallpass.HallpassException
import dev.hallpass.LoggedOut
import dev.hallpass.Login
import dev.hallpass.Logout
import dev.hallpass.Session
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import dev.hallpass.StartedLogin
import dev.hallpass.User
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

    override suspend fun login(login: Login): User = converted { core.login(login.toCore()).toPublic() }

    override suspend fun startLogin(login: Login): StartedLogin = converted {
        val started = core.startLogin(login.toCore())
        StartedLogin(started.url, started.state)
    }

    override suspend fun resume(callback: String): User = converted { core.resume(callback).toPublic() }

    override suspend fun cancelLogin(): Unit = converted { core.cancelLogin() }

    override suspend fun credentials(minTtl: Duration, audience: String?, scope: String?): Credentials {
        if (audience == null && scope == null) watch.valid(minTtl)?.let { return it }
        return converted { core.credentials(CredentialsRequest(minTtl.toMilliseconds(), audience, scope)).toPublic() }
    }

    override suspend fun renew(): Credentials = converted { core.renew().toPublic() }

    override suspend fun call(request: ApiRequest): ApiReply = converted { core.call(request.toCore()).toPublic() }

    override suspend fun proof(
        method: String,
        url: String,
        minTtl: Duration,
        audience: String?,
        scope: String?,
    ): List<HttpHeader> = converted {
        core.proof(method, url, CredentialsRequest(minTtl.toMilliseconds(), audience, scope)).toPublic()
    }

    override fun noteNonce(url: String, nonce: String): Boolean = converted { core.noteNonce(url, nonce) }

    override suspend fun userinfo(): String = converted { core.userinfo() }

    override suspend fun logout(logout: Logout): LoggedOut = converted {
        val outcome = core.logout(dev.hallpass.ffi.LogoutOptions(logout.endSession, logout.federated))
        LoggedOut(outcome.erased, outcome.revoked, outcome.sessionEnded)
    }

    override suspend fun revoke(): Unit = converted { core.revoke() }

    override suspend fun logoutUrl(postLogoutRedirectUri: String?): String = converted { core.logoutUrl(postLogoutRedirectUri) }

    override suspend fun restored(): SessionState = converted { core.restored().toPublic() }

    override suspend fun reload(): SessionState = converted { core.reload().toPublic() }

    override fun close() {
        watch.close()
        core.close()
    }

    override fun toString(): String = "Session($state)"

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
                clock = clock?.core,
            )
            return CoreSession(converted { Core.open(options) }, watch)
        }
    }
}


/** Errors of the core come out as those of this library. Inlined, so that a suspending call stays the caller's. */
private inline fun <T> converted(work: () -> T): T =
    try {
        work()
    } catch (error: CoreException) {
        throw error.toPublic()
    } catch (error: dev.hallpass.ffi.InternalException) {
        // A panic in the core, or a value that did not fit through the border.
        throw HallpassException.Internal("internal error (border)", "border").apply { initCause(error) }
    }
