@file:Suppress("unused", "UNUSED_VARIABLE")

package dev.hallpass.android

import android.app.Application
import android.content.Context
import dev.hallpass.ApiRequest
import dev.hallpass.Config
import dev.hallpass.LoginReason
import dev.hallpass.Provider
import dev.hallpass.Session
import dev.hallpass.SessionState
import dev.hallpass.StorageProblem
import dev.hallpass.User
import dev.hallpass.okhttp.hallpass
import okhttp3.OkHttpClient

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

private fun withOkHttp(session: Session) {
    val client = OkHttpClient.Builder().hallpass(session, "https://api.example.com").build()
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
