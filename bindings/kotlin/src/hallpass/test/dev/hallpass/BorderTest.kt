package dev.hallpass

import dev.hallpass.ports.Browser
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.HttpResponse
import dev.hallpass.ports.MemoryStore
import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.Transport
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.seconds

/** What goes wrong between the two languages is an error, and no crash, no leak and no wait without an end. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BorderTest {
    private lateinit var tenant: Tenant

    @BeforeAll
    fun start() {
        tenant = Tenant.start()
    }

    @AfterAll
    fun stop() = tenant.close()

    @BeforeEach
    fun reset() = tenant.reset()

    @Test
    fun `text of the app that is not valid UTF-16, is an error of the session and leaves the account free`() = test {
        val store = MemoryStore()
        session(store).use { session ->
            session.restored()
            assertEquals("Untrusted", failure { session.resume("${Tenant.REDIRECT_URI}?code=$BAD") }.kind)
            assertEquals("LoginRequired", failure { session.credentials(audience = BAD) }.kind)
            assertEquals("Misconfigured", failure { session.call(ApiRequest.get("https://$BAD.example/")) }.kind)
            session.startLogin(Login(loginHint = BAD))
        }
        // Nothing holds the handle any more.
        session(store).close()
        failure { Session.open(tenant.config(), store, account = BAD) }
    }

    @Test
    fun `text of a port that is not valid UTF-16, is an answer like any other`() = test {
        val store = object : SecureStore by MemoryStore() {
            override suspend fun load(name: String): String = BAD
        }
        session(store).use { assertInstanceOf(SessionState.SignedOut::class.java, it.restored()) }
        session(browser = { _, _ -> BAD }).use { assertEquals("Untrusted", failure { it.login() }.kind) }
        val answer = HttpResponse(200, listOf(HttpHeader("X-$BAD", BAD)), ByteArray(0))
        session(transport = { answer }).use { failure { it.login() } }
    }

    @Test
    fun `status that is none of HTTP's, is no answer`() = test {
        for (status in listOf(-1, 0, 99, 600, 65_736)) {
            session(transport = { HttpResponse(status, emptyList(), ByteArray(0)) }).use { session ->
                assertEquals(OfflineCause.NoAnswer, assertInstanceOf(HallpassException.Offline::class.java, failure { session.login() }).offlineCause)
            }
        }
    }

    @Test
    fun `answer to a client of the app's own with a status that is none of HTTP's, has no consequence`() = test {
        session().use { session ->
            session.login()
            val authorization = session.authorize("GET", tenant.api)
            for (status in listOf(Int.MIN_VALUE, -1, 0, 65_536 + 401, Int.MAX_VALUE)) {
                assertEquals(null, session.after(authorization, status, emptyList()))
            }
            assertEquals(0, tenant.grants("refresh_token"))
        }
    }

    @Test
    fun `authorization that no session made, is refused`() = test {
        session().use { session ->
            val made = Authorization(listOf(HttpHeader("Authorization", "Bearer of-a-test")))
            assertEquals("authorization", failure { session.after(made, 401, emptyList()) }.code)
        }
    }

    @Test
    fun `login that may last for no time at all, is misconfigured`() = test {
        for (lifetime in listOf((-1).seconds, 0.seconds)) {
            assertEquals("login_lifetime", failure { Session.open(tenant.config().copy(loginLifetime = lifetime), MemoryStore()) }.code)
        }
    }

    @Test
    fun `session that is closed, every function says so by this library's own exception`() = test {
        val session = session()
        session.login()
        val authorization = session.authorize("GET", tenant.api)
        session.close()
        val verbs: List<suspend () -> Any> = listOf(
            { session.login() }, { session.startLogin() }, { session.resume("x:/y") }, { session.cancelLogin() }, { session.credentials() },
            { session.renew() }, { session.idToken() }, { session.call(ApiRequest.get(tenant.api)) },
            { session.authorize("GET", tenant.api) }, { session.after(authorization, 200, emptyList()).toString() }, { session.userinfo() },
            { session.logout() }, { session.revoke() }, { session.logoutUrl() }, { session.restored() }, { session.reload() },
        )
        for ((index, verb) in verbs.withIndex()) assertEquals("session", failure { verb() }.code, "function $index")
    }

    @Test
    fun `app that blocks every thread of its dispatcher, the session answers`() = test {
        val blocked = CountDownLatch(1)
        val app = CoroutineScope(Dispatchers.Default)
        try {
            repeat(MANY) { app.launch { blocked.await(60, TimeUnit.SECONDS) } }
            session().use { session ->
                session.login()
                session.renew()
            }
        } finally {
            blocked.countDown()
        }
    }

    @Test
    fun `core that calls back, does so on few threads that have a name and keep no process alive`() = test {
        val threads = ConcurrentHashMap.newKeySet<Thread>()
        session().use { session ->
            session.login()
            val watch = launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) { session.events.collect { threads += Thread.currentThread() } }
            repeat(12) { session.renew() }
            watch.cancel()
        }
        assertTrue(threads.size in 1..4, "$threads")
        assertTrue(threads.all { it.isDaemon && it.name.startsWith("hallpass") }, "$threads")
    }

    private fun session(store: SecureStore = MemoryStore(), transport: Transport? = null, browser: Browser = ScriptedBrowser()) =
        Session.open(tenant.config(), store, transport, browser)

    private fun test(body: suspend CoroutineScope.() -> Unit) = runBlocking { withTimeout(60.seconds, body) }

    private suspend fun failure(work: suspend () -> Any?): HallpassException {
        val error = runCatching { work() }.exceptionOrNull()
        return assertInstanceOf(HallpassException::class.java, error, "$error")
    }

    private companion object {
        /** A lone surrogate. */
        const val BAD = "\uD800"

        /** More than the threads of `Dispatchers.Default`. */
        const val MANY = 64
    }
}
