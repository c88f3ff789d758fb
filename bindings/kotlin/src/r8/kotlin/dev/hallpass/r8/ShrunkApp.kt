package dev.hallpass.r8

import dev.hallpass.ApiRequest
import dev.hallpass.Config
import dev.hallpass.HallpassException
import dev.hallpass.Provider
import dev.hallpass.Session
import dev.hallpass.SessionEvent
import dev.hallpass.ports.MemoryStore
import dev.hallpass.testing.JvmTransport
import dev.hallpass.testing.ScriptedBrowser
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import java.net.http.HttpClient
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds

/**
 * An app that does what apps do, with a store, a transport and a browser of its own: the core calls all of them. Its
 * arguments are the issuer and the address of the API; it prints a line for each step. What it throws ends it at once, whatever
 * threads there are by then.
 */
fun main(arguments: Array<String>) {
    val outcome = runCatching { runBlocking { withTimeout(30.seconds) { story(arguments[0], arguments[1]) } } }
    outcome.exceptionOrNull()?.printStackTrace()
    exitProcess(if (outcome.isSuccess) 0 else 1)
}

private suspend fun story(issuer: String, api: String): Unit = coroutineScope {
    val config = Config(
        Provider.Auth0(issuer), clientId = "hallpass-lab", redirectUri = "com.example.hallpass.lab:/callback",
        scope = "openid profile read:reports offline_access", audience = "https://expenses-api",
        apiOrigins = listOf(api.trimEnd('/')), dangerAllowLoopbackHttp = true,
    )
    Session.open(config, MemoryStore(), JvmTransport(HttpClient.Builder.NO_PROXY), ScriptedBrowser()).use { session ->
        println(session.login().name)
        println(session.call(ApiRequest.get(api)).status)
        val renewed = async(start = CoroutineStart.UNDISPATCHED) { session.events.first { it == SessionEvent.Renewed } }
        session.renew()
        println(renewed.await())
        println(session.logout().revoked)
        try {
            session.credentials()
        } catch (error: HallpassException.LoginRequired) {
            println(error.code)
        }
    }
}
