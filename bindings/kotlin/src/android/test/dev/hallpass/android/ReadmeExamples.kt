@file:Suppress("unused", "UNUSED_VARIABLE")

package dev.hallpass.android

import android.app.Activity
import android.app.Application
import android.content.Context
import android.graphics.Color
import android.os.Build
import dev.hallpass.ApiRequest
import dev.hallpass.Config
import dev.hallpass.HallpassException
import dev.hallpass.Login
import dev.hallpass.LoginReason
import dev.hallpass.Provider
import dev.hallpass.Session
import dev.hallpass.SessionState
import dev.hallpass.StorageProblem
import dev.hallpass.User
import dev.hallpass.okhttp.hallpass
import dev.hallpass.ports.HttpHeader
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.SharingStarted
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.stateIn
import kotlinx.coroutines.withContext
import okhttp3.OkHttpClient
import kotlin.time.Duration.Companion.minutes

// Every example of the README stands here as it stands there, and is compiled. ReadmeTest holds both together.

class LabApplication : Application() {
    val session by lazy {
        HallpassAndroid.session(this, Config(
            Provider.Auth0("tenant.eu.auth0.com"), clientId = "aBcD1234", redirectUri = "com.example.app:/callback",
            audience = "https://expenses-api", apiOrigins = listOf("https://api.example.com"),
        ))
    }
}

private suspend fun firstLogin(session: Session) {
    val user = session.login()                                                  // in any coroutine
}

private suspend fun callAnApi(session: Session) {
    val reply = session.call(ApiRequest.get("https://api.example.com/reports"))  // renews and repeats once on 401
    val token = session.credentials().accessToken                                // or do it yourself
}

private suspend fun whatHappened(session: Session) {
    HallpassAndroid.logToLogcat()                                                // elsewhere HallpassLog.send { line -> … }
    println(session.report())
}

private fun withOkHttp(session: Session) {
    val client = OkHttpClient.Builder().hallpass(session, "https://api.example.com").build()
    val reports = OkHttpClient.Builder().hallpass(session, "https://api.example.com", audience = "https://reports-api").build()
}

private class Answer(val status: Int, val headers: List<HttpHeader>)

private suspend fun withAnotherClient(session: Session, url: String, send: suspend (String, List<HttpHeader>) -> Answer): Answer {
    var authorization = session.authorize("GET", url)
    while (true) {
        val answer = send(url, authorization.headers)                            // as your client sends
        authorization = session.after(authorization, answer.status, answer.headers) ?: return answer
    }
}

private suspend fun stepUp(session: Session, json: String) {
    try {
        session.call(ApiRequest.postJson("https://api.example.com/transfers", json))
    } catch (error: HallpassException.StepUpRequired) {
        session.login(Login(error.stepUp))                                       // then send it again
    }
}

private fun bound(context: Context, config: Config) {
    val session = HallpassAndroid.session(context, config.copy(dpop = true), signer = KeystoreSigner())
}

private interface Screens {
    fun showNothing(problem: StorageProblem?)
    fun showLogin(reason: LoginReason)
    fun showHome(user: User)
    fun askToLogInAgain(user: User, reason: LoginReason)
}

private suspend fun Screens.watch(session: Session) {
    session.states.collect { state ->
        when (state) {
            is SessionState.Restoring -> showNothing(state.problem)             // not read yet, or why it cannot be
            is SessionState.SignedOut -> showLogin(state.reason)
            is SessionState.SignedIn -> showHome(state.user)
            is SessionState.LoginRequired -> askToLogInAgain(state.user, state.reason)   // the session is kept
        }
    }
    session.reload()                      // reads the store again: the device was unlocked, the app came to the foreground
    session.logout()                      // erases here, then revokes at the server; Logout(endSession = true) opens the browser too
}

// Those of docs/android.md.

class HomeModel(private val session: Session, scope: CoroutineScope) {
    val user: StateFlow<User?> = session.states.map { it.user }.stateIn(scope, SharingStarted.WhileSubscribed(5_000), session.user)
    suspend fun reports(): String = session.call(ApiRequest.get("https://api.example.com/reports")).body.decodeToString()
}

enum class Work { Done, Later, Never }

suspend fun uploaded(session: Session, report: ByteArray): Work = try {
    session.call(ApiRequest("POST", "https://api.example.com/reports", body = report))
    Work.Done
} catch (later: HallpassException) {
    if (later.isRetryable) Work.Later else Work.Never                        // offline, or the device is still locked
}

fun browser(context: Context) = SystemBrowser(context, BrowserOptions(
    mode = BrowserMode.CustomTab, allowed = setOf("com.android.chrome"), toolbarColor = Color.WHITE,
))

fun gatedSession(context: Context, config: Config, gate: BiometricGate, activity: () -> Activity): Session =
    HallpassAndroid.session(context, config).gated(GatePolicy.every(5.minutes)) {
        withContext(Dispatchers.Main) { gate.confirm(activity(), "Unlock your reports", "Cancel") }
    }

fun isMainProcess(application: Application): Boolean =
    Build.VERSION.SDK_INT < Build.VERSION_CODES.P || Application.getProcessName() == application.packageName
