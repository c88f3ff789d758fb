package dev.hallpass

import dev.hallpass.ports.BrowserException
import dev.hallpass.ports.BrowserProblem
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.MemoryStore
import dev.hallpass.ports.MovableClock
import dev.hallpass.ports.StoreException
import dev.hallpass.testing.ScriptedApi
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import kotlin.time.Clock
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The library over the real core, against the real tenant. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SessionTest {
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
    fun `nobody signed in, renew says that a login is required and sends nothing`() = test {
        session().use { session ->
            val error = failure<HallpassException.LoginRequired> { session.renew() }
            assertEquals(LoginReason.NotSignedIn, error.reason)
            assertEquals("not_signed_in", error.code)
            assertEquals(0, tenant.grants("refresh_token"))
        }
    }

    @Test
    fun `story of the exercise, from login to logout`() = test {
        tenant.set("""{"token_expiration_seconds": 3600}""")
        session().use { session ->
            assertEquals("Ada Lovelace", session.login().name)
            assertInstanceOf(SessionState.SignedIn::class.java, session.state)
            val first = session.credentials()
            assertEquals("Bearer", first.tokenType)
            assertEquals(200, session.call(ApiRequest.get(tenant.api)).status)

            val renewed = session.renew()
            assertTrue(first.accessToken != renewed.accessToken, "another token")
            assertEquals(1, tenant.grants("refresh_token"))

            tenant.endAccessTokens()
            val reply = session.call(ApiRequest.get(tenant.api))
            assertEquals(200 to 1, reply.status to reply.renewals)
            assertTrue(reply.text().contains("date"), "the expenses")

            val asked = session.userinfo()
            assertEquals(session.user?.sub to "Ada Lovelace", asked.sub to asked.name)
            assertTrue(asked.claims.contains("\"sub\""))
            assertTrue(session.logoutUrl().startsWith(tenant.issuer))
            val outcome = session.logout()
            assertTrue(outcome.erased && outcome.revoked)
            assertEquals(SessionState.SignedOut(LoginReason.LoggedOut), session.state)
            assertNull(session.user)
            assertEquals(LoginReason.LoggedOut, failure<HallpassException.LoginRequired> { session.credentials() }.reason)
        }
    }

    @Test
    fun `offline access not allowed, there is no refresh token and the identity stays`() = test {
        tenant.set("""{"allow_offline_access": false}""")
        session().use { session ->
            session.login()
            val error = failure<HallpassException.LoginRequired> { session.renew() }
            assertEquals(LoginReason.NoRefreshToken, error.reason)
            assertEquals("Ada Lovelace", session.user?.name)
        }
    }

    @Test
    fun `process dies while the browser is open, resume signs in`() = test {
        val store = MemoryStore()
        val url = session(store, browser = null).use { it.startLogin().url }
        val callback = ScriptedBrowser().open(url, Tenant.REDIRECT_URI)
        session(store, browser = null).use { session ->
            session.restored()
            assertEquals("Ada Lovelace", session.resume(callback).name)
            val again = failure<HallpassException> { session.resume(callback) }
            assertEquals("Untrusted", again.kind)
            assertEquals("Ada Lovelace", session.user?.name)
        }
    }

    @Test
    fun `session opened again, user and token are there and nothing is sent`() = test {
        val store = MemoryStore()
        val token = session(store).use { it.login(); it.credentials().accessToken }
        tenant.admin("DELETE", "requests")
        session(store).use { session ->
            assertInstanceOf(SessionState.SignedIn::class.java, session.restored())
            assertEquals(token, session.credentials().accessToken)
            assertEquals(0, tenant.requests("token").size)
        }
    }

    @Test
    fun `store locked at the start, the session is read when it is reloaded`() = test {
        val store = LockableStore(MemoryStore())
        session(store).use { it.login() }
        store.isLocked = true
        session(store).use { session ->
            assertEquals(StorageProblem.Locked, failure<HallpassException.Storage> { session.reload() }.problem)
            store.isLocked = false
            assertInstanceOf(SessionState.SignedIn::class.java, session.reload())
            assertEquals("Ada Lovelace", session.user?.name)
        }
    }

    @Test
    fun `access token over and no refresh token, the user is known and a login is required`() = test {
        tenant.set("""{"allow_offline_access": false}""")
        val clock = MovableClock()
        Session.open(tenant.config(), MemoryStore(), browser = ScriptedBrowser(), clock = clock).use { session ->
            val user = session.login()
            clock.advance(3600.seconds)
            assertEquals(LoginReason.NoRefreshToken, failure<HallpassException.LoginRequired> { session.credentials() }.reason)
            assertEquals(SessionState.LoginRequired(user, LoginReason.NoRefreshToken), session.state)
            assertEquals(user, session.user)
            // Another login is the way back.
            assertEquals(SessionState.SignedIn(session.login()), session.state)
        }
    }

    @Test
    fun `ID token of a renewal that fails a check, is an event and the user stays`() = test {
        tenant.set("""{"refresh_token_rotation": true}""")
        session().use { session ->
            val user = session.login()
            tenant.plan("""{"endpoint": "token", "kind": {"patched_id_token": {"claims": {"iat": null}}}}""")
            val rejected = async(start = CoroutineStart.UNDISPATCHED) { session.events.first { it is SessionEvent.IdTokenRejected } }
            session.renew()
            assertEquals(SessionEvent.IdTokenRejected("id_token_iat"), rejected.await())
            assertEquals(user, session.user)
            // The next refresh token came with it.
            session.renew()
        }
    }

    @Test
    fun `account already open in this process, opening it again is misconfigured`() = test {
        val store = MemoryStore()
        session(store).use {
            val error = failure<HallpassException.Misconfigured> { session(store) }
            assertEquals("account", error.code)
            assertTrue(error.fix.isNotEmpty())
        }
    }

    @Test
    fun `five hundred callers with a token that ends soon, one renewal`() = test {
        tenant.set("""{"token_expiration_seconds": 62}""")
        session().use { session ->
            session.login()
            val first = session.credentials(minTtl = 60.seconds).accessToken
            delay(2500.milliseconds)
            tenant.set("""{"token_expiration_seconds": 3600}""")
            val tokens = withContext(Dispatchers.Default) {
                (1..500).map { async { session.credentials(minTtl = 60.seconds).accessToken } }.awaitAll()
            }
            assertTrue(tokens.toSet().size == 1 && tokens.first() != first, "one token, and a new one")
            assertEquals(1, tenant.grants("refresh_token"))
        }
    }

    @Test
    fun `caller cancelled in the middle of a renewal, the exchange goes on and is stored`() = test {
        tenant.set("""{"refresh_token_rotation": true}""")
        session().use { session ->
            session.login()
            val first = session.credentials().accessToken
            tenant.plan("""{"endpoint": "token", "kind": {"delayed_answer": {"milliseconds": 600}}}""")
            val renewed = async { session.events.first { it == SessionEvent.Renewed } }
            val caller = launch { session.renew() }
            while (tenant.grants("refresh_token") == 0) delay(10.milliseconds)
            caller.cancelAndJoin()
            renewed.await()
            assertTrue(first != session.credentials().accessToken, "another token")
            assertEquals(1, tenant.grants("refresh_token"))
        }
    }

    @Test
    fun `login cancelled, the browser is told and the next login works`() = test {
        var closed = false
        val held = session(browser = { _, _ ->
            try {
                delay(60.seconds)
                error("nobody came back")
            } finally {
                closed = true
            }
        })
        held.use { session ->
            val login = launch { failure<HallpassException.Cancelled> { session.login() } }
            delay(300.milliseconds)
            session.cancelLogin()
            login.join()
            withTimeout(5.seconds) { while (!closed) delay(10.milliseconds) }
            val url = session.startLogin().url
            assertEquals("Ada Lovelace", session.resume(ScriptedBrowser().open(url, Tenant.REDIRECT_URI)).name)
        }
    }

    @Test
    fun `ports that throw, each failure is of the kind that its port has`() = test {
        val locked = failure<HallpassException.Storage> {
            session(FaultyStore { StoreException.Locked() }).use { it.restored() }
        }
        assertTrue(locked.problem == StorageProblem.Locked && locked.isRetryable)
        val failed = failure<HallpassException.Storage> {
            session(FaultyStore { IllegalStateException("secret text") }).use { it.restored() }
        }
        assertEquals(StorageProblem.Failed, failed.problem)
        assertFalse(failed.toString().contains("secret text"))
        val closed = failure<HallpassException.Cancelled> {
            session(browser = { _, _ -> throw BrowserException.Cancelled() }).use { it.login() }
        }
        assertEquals("cancelled", closed.code)
        val broken = failure<HallpassException.Misconfigured> {
            session(browser = { _, _ -> error("no activity") }).use { it.login() }
        }
        assertEquals("browser", broken.code)
        val reasons = BrowserProblem.entries.associateWith { problem ->
            failure<HallpassException.Misconfigured> {
                session(browser = { _, _ -> throw BrowserException.Failed("secret text", problem = problem) }).use { it.login() }
            }
        }
        assertTrue(reasons.values.all { it.code == "browser" && "secret text" !in it.toString() && "secret text" !in it.fix })
        assertEquals(reasons.size, reasons.values.map { it.fix }.toSet().size)
        assertTrue(reasons.getValue(BrowserProblem.KeepsAppLinks).run { fix.startsWith("keeps_app_links: ") && fix in checkNotNull(message) })
        val unassociated = failure<HallpassException.Misconfigured> {
            session(browser = { _, _ -> throw BrowserException.RedirectNotAssociated() }).use { it.login() }
        }
        assertEquals("redirect_uri", unassociated.code)
        val unreachable = failure<HallpassException.Offline> {
            session(transport = { error("boom") }).use { it.login() }
        }
        assertEquals(OfflineCause.NoAnswer, unreachable.offlineCause)
    }

    @Test
    fun `errors of every kind from the server, each named by the next step`() = test {
        session().use { session ->
            session.login()
            tenant.plan("""{"endpoint": "token", "kind": {"service_unavailable": {"seconds": 7, "retry_after": "seconds"}}}""")
            val offline = failure<HallpassException.Offline> { session.renew() }
            assertEquals(OfflineCause.ServerFailed, offline.offlineCause)
            assertTrue(offline.isRetryable && (offline.retryAfter ?: 0.seconds) > 5.seconds, "$offline")
            assertInstanceOf(SessionState.SignedIn::class.java, session.state)
        }
        session().use { session ->
            session.login()
            tenant.endRefreshTokens()
            val over = failure<HallpassException.LoginRequired> { session.renew() }
            assertEquals(LoginReason.Revoked, over.reason)
            assertEquals(SessionState.SignedOut(LoginReason.Revoked), session.state)
        }
        session().use { session ->
            tenant.plan("""{"endpoint": "token", "kind": {"patched_id_token": {"claims": {"iss": "https://impostor.example/"}}}}""")
            assertEquals("Untrusted", failure<HallpassException> { session.login() }.kind)
            val elsewhere = failure<HallpassException.Misconfigured> { session.call(ApiRequest.get("https://elsewhere.example/")) }
            assertEquals("api_origins", elsewhere.code)
        }
        val placeholder = failure<HallpassException.Misconfigured> {
            Session.open(tenant.config().copy(clientId = "YOUR_CLIENT_ID"), MemoryStore())
        }
        assertEquals("client_id", placeholder.code)
        val denied = failure<HallpassException.Denied> {
            session().use { session ->
                session.startLogin(Login(prompt = setOf(Prompt.None))).let { started ->
                    session.resume(ScriptedBrowser().open(started.url, Tenant.REDIRECT_URI))
                }
            }
        }
        assertEquals("login_required", denied.code)
        assertEquals("login_required", denied.words.code)
        assertTrue(denied.words.description.orEmpty().isNotEmpty(), "what the tenant says")
    }

    @Test
    fun `ID token, is the one of the login until a renewal brings another`() = test {
        session().use { session ->
            assertEquals(LoginReason.NotSignedIn, failure<HallpassException.LoginRequired> { session.idToken() }.reason)
            session.login()
            val first = session.idToken()
            assertEquals(3, first.raw.split('.').size)
            assertTrue(first.expiresAt > Clock.System.now())
            assertEquals(first, session.idToken())
            assertEquals(0, tenant.grants("refresh_token"))
            // None lasts that long, and what has some time left is better than an error.
            assertTrue(session.idToken(minTtl = 1000.hours) != first)
            assertEquals(1, tenant.grants("refresh_token"))
        }
    }

    @Test
    fun `token of another audience, is renewed alone`() = test {
        session().use { session ->
            session.login()
            val ofLogin = session.credentials().accessToken
            val first = session.credentials(audience = REPORTS).accessToken
            val second = session.renew(audience = REPORTS).accessToken
            assertTrue(second != first, "another token")
            assertEquals(second, session.credentials(audience = REPORTS).accessToken)
            assertEquals(ofLogin, session.credentials().accessToken)
            assertEquals(2, tenant.grants("refresh_token"))
        }
    }

    @Test
    fun `client of the app's own, is told what to send and whether to send it again`() = test {
        session().use { session ->
            session.login()
            val first = session.authorize("GET", tenant.api)
            assertEquals(listOf("Authorization" to session.credentials().authorization), first.headers.map { it.name to it.value })
            for (status in listOf(200, 302, 403, 500)) assertNull(session.after(first, status, emptyList()))
            assertEquals(0, tenant.grants("refresh_token"))
            val second = checkNotNull(session.after(first, 401, emptyList()))
            assertTrue(second.headers.single().value != first.headers.single().value, "another token")
            assertNull(session.after(second, 401, emptyList()), "once")
            assertEquals(1, tenant.grants("refresh_token"))
        }
    }

    @Test
    fun `API that wants the user to authenticate again, says how and a login takes it as it is`() = test {
        val challenge = """Bearer error="insufficient_user_authentication", acr_values="gold", max_age="300""""
        ScriptedApi { ScriptedApi.Answer(401, "WWW-Authenticate" to challenge) }.use { api ->
            val config = tenant.config().copy(apiOrigins = listOf(api.origin))
            Session.open(config, MemoryStore(), browser = ScriptedBrowser()).use { session ->
                session.login()
                val wanted = StepUp(acrValues = "gold", maxAge = 300.seconds)
                val error = failure<HallpassException.StepUpRequired> { session.call(ApiRequest.get(api.origin)) }
                assertEquals(wanted, error.stepUp)
                assertEquals("insufficient_user_authentication" to false, error.code to error.isRetryable)
                val headers = listOf(HttpHeader("www-authenticate", challenge))
                val again = failure<HallpassException.StepUpRequired> {
                    session.after(session.authorize("GET", api.origin), 401, headers)
                }
                assertEquals(wanted, again.stepUp)
                assertEquals(0, tenant.grants("refresh_token"))
                assertInstanceOf(SessionState.SignedIn::class.java, session.state)
                val page = session.startLogin(Login(error.stepUp)).url
                assertTrue("acr_values=gold" in page && "max_age=300" in page, "the page does not ask for it")
            }
        }
    }

    @Test
    fun `a hit is answered by the very object that was pushed, a logout ends that before it returns`() = test {
        session().use { session ->
            session.login()
            assertSame(session.credentials(), session.credentials())
            session.logout()
            failure<HallpassException.LoginRequired> { session.credentials() }
        }
    }

    @Test
    fun `text of everything that holds a secret, shows none`() = test {
        session().use { session ->
            session.login()
            val credentials = session.credentials()
            val reply = session.call(ApiRequest.get(tenant.api))
            val shown = listOf(
                credentials, session, session.idToken(), session.authorize("GET", tenant.api), session.userinfo(), session.state, session.user, reply, session.startLogin(),
                Login(loginHint = "ada@example.com"), ApiRequest.get(tenant.api + "?token=abc"), reply.headers,
            ).joinToString("\n")
            for (secret in listOf(credentials.accessToken, session.idToken().raw, "Ada", "token=abc", "ada@example.com", "code_challenge", "Bearer ")) {
                assertFalse(shown.contains(secret), "$secret in $shown")
            }
        }
    }

    private fun session(
        store: dev.hallpass.ports.SecureStore = MemoryStore(),
        transport: dev.hallpass.ports.Transport? = null,
        browser: dev.hallpass.ports.Browser? = ScriptedBrowser(),
    ) = Session.open(tenant.config(), store, transport, browser)

    private fun test(body: suspend kotlinx.coroutines.CoroutineScope.() -> Unit) = runBlocking { withTimeout(60.seconds, body) }

    private companion object {
        const val REPORTS = "https://api-reports.example"
    }
}

/** A store that can be locked. */
private class LockableStore(private val inner: dev.hallpass.ports.SecureStore) : dev.hallpass.ports.SecureStore by inner {
    @Volatile
    var isLocked = false

    override suspend fun load(name: String): String? = if (isLocked) throw StoreException.Locked() else inner.load(name)
}

/** A store that can do nothing. */
private class FaultyStore(private val failure: () -> Exception) : dev.hallpass.ports.SecureStore {
    override val identity = "faulty:${System.nanoTime()}"

    override suspend fun load(name: String): String? = throw failure()

    override suspend fun save(name: String, value: String): Unit = throw failure()

    override suspend fun delete(name: String): Unit = throw failure()

    override suspend fun list(): List<String> = throw failure()
}

/** The [E] that [work] throws. */
private suspend inline fun <reified E : Exception> failure(crossinline work: suspend () -> Unit): E =
    try {
        work()
        throw AssertionError("no ${E::class.simpleName}")
    } catch (error: Exception) {
        assertInstanceOf(E::class.java, error)
    }
