package dev.hallpass.android

import android.app.Application
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import android.net.Uri
import dev.hallpass.HallpassException
import dev.hallpass.Provider
import dev.hallpass.Session
import dev.hallpass.SessionState
import dev.hallpass.ports.Browser
import dev.hallpass.ports.MemoryStore
import dev.hallpass.ports.Transport
import dev.hallpass.ports.TransportException
import dev.hallpass.testing.JvmTransport
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.After
import org.junit.AfterClass
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.BeforeClass
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.net.http.HttpClient
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import dev.hallpass.Config as SessionConfig

/**
 * The process ends while the browser is open, and the redirect starts another one: the session that the new process opens
 * finishes the login without the app's doing. Over the real core and the tenant; a process that ended is what it left in the
 * store, and nothing else.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class LateLoginTest {
    private val context: Application = RuntimeEnvironment.getApplication()
    private val home = ComponentName(context, "com.example.Home")
    private val failures = Channel<HallpassException>(Channel.UNLIMITED)

    @Before
    fun begin() {
        tenant.reset()
        val packages = shadowOf(context.packageManager)
        packages.addActivityIfNotPresent(home)
        packages.addIntentFilterForActivity(home, IntentFilter(Intent.ACTION_MAIN).apply { addCategory(Intent.CATEGORY_LAUNCHER) })
    }

    @After
    fun forget() {
        Visits.late.value?.let(Visits::taken)
    }

    @Test
    fun `redirect in a new process, the app is opened and its session signs in by itself`() = test {
        val (left, page) = processThatEnds()
        redirect(signedInAt(page))
        val below = shadowOf(context).nextStartedActivity
        assertEquals("the tab is left", ComponentName(context, LoginActivity::class.java), below.component)
        val activity = Robolectric.buildActivity(LoginActivity::class.java, below).setup()
        assertTrue(activity.get().isFinishing)
        val opened = shadowOf(context).nextStartedActivity
        assertEquals("the app is opened", home, opened.component)
        assertNull("as its icon opens it", opened.`package`)
        open(left).use { session ->
            val state = session.states.first { it is SessionState.SignedIn } as SessionState.SignedIn
            assertEquals("Ada Lovelace", state.user.name)
            assertEquals(1, tenant.grants("authorization_code"))
            eventually { Visits.late.value == null }
        }
        // It is durable, and the redirect is used up: the next process starts signed in and sends nothing.
        open(left).use { assertTrue(it.restored() is SessionState.SignedIn) }
        assertEquals(1, tenant.grants("authorization_code"))
        assertNull(failures.tryReceive().getOrNull())
    }

    @Test
    fun `session opened before the redirect comes, signs in when it does`() = test {
        val (left, page) = processThatEnds()
        open(left).use { session ->
            assertTrue(session.restored() is SessionState.SignedOut)
            redirect(signedInAt(page))
            session.states.first { it is SessionState.SignedIn }
        }
    }

    @Test
    fun `stranger's link before it, changes nothing and nobody is told`() = test {
        val (left, page) = processThatEnds()
        redirect("${Tenant.REDIRECT_URI}?code=stolen&state=guessed")
        open(left).use { session ->
            session.restored()
            redirect(signedInAt(page))
            session.states.first { it is SessionState.SignedIn }
            assertEquals(1, tenant.grants("authorization_code"))
            assertNull(failures.tryReceive().getOrNull())
        }
    }

    @Test
    fun `late login refused or not to be trusted, the app is told once and nobody is signed in`() = test {
        val refusal = """{"answer": {"status": 400, "headers": [["content-type", "application/json"]], "body": "{\"error\":\"access_denied\"}"}}"""
        val impostor = """{"patched_id_token": {"claims": {"nonce": "another"}}}"""
        for ((fault, code) in listOf(refusal to "access_denied", impostor to "id_token_nonce")) {
            val (left, page) = processThatEnds()
            tenant.plan("""{"endpoint": "token", "kind": $fault}""")
            redirect(signedInAt(page))
            open(left).use { session ->
                assertEquals(code, failures.receive().code)
                assertNull(session.user)
                eventually { Visits.late.value == null }
            }
            open(left).use { it.restored() }
            assertNull(failures.tryReceive().getOrNull())
        }
    }

    @Test
    fun `late redirect that is not valid text, does not end the app and nobody is signed in`() = test {
        val (left, page) = processThatEnds()
        val uncaught = Channel<Throwable>(Channel.UNLIMITED)
        val before = Thread.getDefaultUncaughtExceptionHandler()
        Thread.setDefaultUncaughtExceptionHandler { _, error -> uncaught.trySend(error) }
        try {
            open(left).use { session ->
                session.restored()
                redirect("${Tenant.REDIRECT_URI}?code=\uD800")
                redirect(signedInAt(page))
                session.states.first { it is SessionState.SignedIn }
                assertNull(uncaught.tryReceive().getOrNull())
            }
            open(left).use { assertTrue("the account is free again", it.restored() is SessionState.SignedIn) }
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before)
        }
    }

    @Test
    fun `late redirect while there is no network, is kept and tried again when the app asks for the state`() = test {
        // An Auth0 tenant's endpoints follow from its domain: its code would be used at once, and be lost.
        val config = tenant.config().copy(provider = Provider.OpenIdConnect(tenant.issuer))
        val (left, page) = processThatEnds(config)
        val callback = signedInAt(page)
        var isOffline = true
        val network = JvmTransport(HttpClient.Builder.NO_PROXY)
        val transport = Transport { if (isOffline) throw TransportException.Unreachable() else network.send(it) }
        // Nothing of the provider is known: it cannot be asked before the code is used.
        for (name in left.list().filter { it.startsWith("provider.") }) left.delete(name)
        redirect(callback)
        HallpassAndroid.session(
            context, config, store = left, transport = transport, browser = SystemBrowser(context), onLateLoginFailed = { failures.trySend(it) },
        ).use { session ->
            val error = failures.receive()
            assertTrue("$error", error is HallpassException.Offline)
            assertEquals(callback, Visits.late.value)
            isOffline = false
            session.restored()
            session.states.first { it is SessionState.SignedIn }
            eventually { Visits.late.value == null }
        }
    }

    /** A process that opened the browser and then ended: what its store held at that moment, and the page. */
    private suspend fun processThatEnds(config: SessionConfig = tenant.config()): Pair<MemoryStore, String> {
        val (store, page) = MemoryStore() to CompletableDeferred<String>()
        val browser = Browser { url, _ ->
            page.complete(url)
            awaitCancellation()
        }
        open(store, browser, config).use { session ->
            val login = kotlinx.coroutines.CoroutineScope(Dispatchers.Default).async { session.login() }
            val url = page.await()
            val left = copy(store)
            login.cancel()
            return left to url
        }
    }

    private suspend fun copy(store: MemoryStore): MemoryStore =
        MemoryStore().also { copy -> for (name in store.list()) copy.save(name, checkNotNull(store.load(name))) }

    private suspend fun signedInAt(page: String): String = ScriptedBrowser().open(page, Tenant.REDIRECT_URI)

    private fun redirect(url: String) {
        shadowOf(context).clearNextStartedActivities()
        Robolectric.buildActivity(RedirectActivity::class.java, Intent(Intent.ACTION_VIEW, Uri.parse(url))).create()
    }

    private fun open(store: MemoryStore, browser: Browser = SystemBrowser(context), config: SessionConfig = tenant.config()): Session =
        HallpassAndroid.session(context, config, store = store, browser = browser, onLateLoginFailed = { failures.trySend(it) })

    private suspend fun eventually(condition: () -> Boolean) {
        while (!condition()) delay(10.milliseconds)
    }

    private fun test(body: suspend () -> Unit) = runBlocking { withTimeout(60.seconds) { body() } }

    companion object {
        private lateinit var tenant: Tenant

        @BeforeClass
        @JvmStatic
        fun start() {
            tenant = Tenant.start()
        }

        @AfterClass
        @JvmStatic
        fun stop() = tenant.close()
    }
}
