package com.example.hallpass.lab

import dev.hallpass.ApiReply
import dev.hallpass.ApiRequest
import dev.hallpass.Authorization
import dev.hallpass.Credentials
import dev.hallpass.HallpassException
import dev.hallpass.IdToken
import dev.hallpass.LoggedOut
import dev.hallpass.Login
import dev.hallpass.LoginReason
import dev.hallpass.Logout
import dev.hallpass.Report
import dev.hallpass.Session
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import dev.hallpass.StartedLogin
import dev.hallpass.User
import dev.hallpass.UserCode
import dev.hallpass.ports.HttpHeader
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** A session without a core: what an app's tests put in the place of the real one. */
class FakeSession : Session {
    override val states = MutableStateFlow<SessionState>(SessionState.SignedOut(LoginReason.NotSignedIn))
    override val events = MutableSharedFlow<SessionEvent>(extraBufferCapacity = 16)
    var failure: HallpassException? = null
    var closed = false
    var reloads = 0
    private val notSignedIn get() = HallpassException.LoginRequired("nobody", LoginReason.NotSignedIn)

    override suspend fun login(login: Login): User {
        failure?.let { throw it }
        val ada = User("auth0|1", name = "Ada Lovelace")
        states.value = SessionState.SignedIn(ada)
        events.tryEmit(SessionEvent.SignedIn)
        return ada
    }

    override suspend fun credentials(minTtl: Duration, audience: String?, scope: String?): Credentials {
        if (user == null) throw notSignedIn
        return Credentials("at", "Bearer", "openid", Clock.System.now() + 42.seconds, renewed = false)
    }

    override suspend fun renew(audience: String?, scope: String?): Credentials {
        failure?.let { throw it }
        if (user == null) throw notSignedIn
        events.tryEmit(SessionEvent.Renewed)
        return credentials(audience = audience, scope = scope)
    }

    override suspend fun call(request: ApiRequest): ApiReply {
        failure?.let { throw it }
        if (user == null) throw notSignedIn
        return ApiReply(200, emptyList(), EXPENSES.encodeToByteArray(), renewals = 1)
    }

    override suspend fun logout(logout: Logout): LoggedOut {
        states.value = SessionState.SignedOut(LoginReason.LoggedOut)
        events.tryEmit(SessionEvent.SignedOut(LoginReason.LoggedOut))
        return LoggedOut(erased = true, revoked = true, sessionEnded = false)
    }

    override suspend fun deviceLogin(login: Login, show: (UserCode) -> Unit): User = error("the app does not")

    override suspend fun startLogin(login: Login): StartedLogin = error("the app does not")

    override suspend fun resume(callback: String): User = error("the app does not")

    override suspend fun cancelLogin() = Unit

    override suspend fun idToken(minTtl: Duration): IdToken = error("the app does not")

    override suspend fun authorize(
        method: String,
        url: String,
        minTtl: Duration,
        audience: String?,
        scope: String?,
    ): Authorization = error("the app does not")

    override suspend fun after(authorization: Authorization, status: Int, headers: List<HttpHeader>): Authorization? =
        error("the app does not")

    override suspend fun userinfo(): User = error("the app does not")

    override suspend fun revoke() = error("the app does not")

    override suspend fun logoutUrl(postLogoutRedirectUri: String?): String = error("the app does not")

    override suspend fun restored(): SessionState = state

    override suspend fun report(): Report = error("the app does not")

    override suspend fun reload(): SessionState {
        reloads += 1
        return state
    }

    override fun close() {
        closed = true
    }

    companion object {
        const val EXPENSES = """[{"date":"2026-11-02","description":"Pizza for a coding dojo","value":102},
            {"date":"2026-11-09","description":"Coffee","value":42}]"""
    }
}

/** The app with a [FakeSession]. */
class FakeLabApplication : LabApplication() {
    val sessions = mutableListOf<FakeSession>()

    override fun session(settings: LabSettings): Session = FakeSession().also { sessions += it }
}
