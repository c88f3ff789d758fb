package dev.hallpass.android

import dev.hallpass.ApiRequest
import dev.hallpass.Authorization
import dev.hallpass.Credentials
import dev.hallpass.HallpassException
import dev.hallpass.IdToken
import dev.hallpass.Session
import dev.hallpass.StorageProblem
import dev.hallpass.User
import dev.hallpass.android.BiometricGate.Outcome
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.lang.reflect.Modifier
import java.lang.reflect.Proxy
import kotlin.time.Clock
import kotlin.time.Duration.Companion.minutes

/** Credentials behind a gate, over a session that gives them to anyone. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class GatedSessionTest {
    private var now = 0L
    private var prompts = 0
    private var outcome = Outcome.Confirmed
    private val used = mutableListOf<String>()

    @Test
    fun `each use of a token, asks the user first`() = test {
        val session = gated(GatePolicy.EACH_USE)
        val uses = listOf<suspend () -> Any>(
            { session.credentials() }, { session.renew() }, { session.call(ApiRequest.get("https://api.example/")) },
            { session.authorize("GET", "https://api.example/") }, { session.idToken() }, { session.userinfo() },
        )
        uses.forEach { it() }
        assertEquals(uses.size, prompts)
        assertEquals(GATED, used.toSet())
        outcome = Outcome.Cancelled
        used.clear()
        for (use in uses) assertThrows(HallpassException.Cancelled::class.java) { runBlocking { use() } }
        assertTrue("$used", used.isEmpty())
    }

    /** A function that is added has to be put on one of the two lists. */
    @Test
    fun `functions of a session, are behind the gate or give nothing out`() {
        val functions = Session::class.java.declaredMethods.filterNot { it.isSynthetic || Modifier.isStatic(it.modifiers) }
        assertEquals(GATED + FREE, functions.map { it.name.substringBefore('-') }.toSet())
    }

    @Test
    fun `answer to a request that was let through, asks nothing more`() = test {
        val session = gated(GatePolicy.EACH_USE)
        val authorization = session.authorize("GET", "https://api.example/")
        session.after(authorization, 401, emptyList())
        assertEquals(1, prompts)
        assertEquals(listOf("authorize", "after"), used)
    }

    @Test
    fun `anything but a confirmation, gives nothing out and says why`() = test {
        val session = gated(GatePolicy.ONCE)
        for (refused in Outcome.entries - Outcome.Confirmed - Outcome.Cancelled) {
            outcome = refused
            val error = failure<HallpassException.Storage> { session.credentials() }
            assertEquals(StorageProblem.Locked, error.problem)
            assertEquals(refused, (error.cause as GateRefused).outcome)
        }
        assertTrue("$used", used.isEmpty())
        outcome = Outcome.Confirmed
        session.credentials()
    }

    @Test
    fun `policy that lasts, asks when its time is over, and a login counts`() = test {
        val session = gated(GatePolicy.every(5.minutes))
        session.login()
        now += 4.minutes.inWholeNanoseconds
        session.credentials()
        assertEquals(0, prompts)
        now += 1.minutes.inWholeNanoseconds
        session.credentials()
        session.renew()
        assertEquals(1, prompts)
        val once = gated(GatePolicy.ONCE)
        once.credentials()
        now += 1_000_000.minutes.inWholeNanoseconds
        once.credentials()
        assertEquals(2, prompts)
    }

    @Test
    fun `callers at the same time, see one prompt`() = test {
        val answer = CompletableDeferred<Unit>()
        val session = GatedSession(anyone(), GatePolicy.every(5.minutes), { now }) {
            prompts += 1
            answer.await()
            outcome
        }
        val callers = List(10) { async(start = CoroutineStart.UNDISPATCHED) { session.credentials() } }
        answer.complete(Unit)
        callers.awaitAll()
        assertEquals(1, prompts)
    }

    @Test
    fun `device that has no prompt that unlocks a key, is not supported`() {
        assertTrue(BiometricGate.isSupported && BiometricGate.isSupportedBy(28))
        assertFalse(BiometricGate.isSupportedBy(26) || BiometricGate.isSupportedBy(27))
    }

    private fun gated(policy: GatePolicy): Session = GatedSession(anyone(), policy, { now }) {
        prompts += 1
        outcome
    }

    /** Gives to whoever asks, and notes what was asked for. */
    private fun anyone(): Session {
        val credentials = Credentials("at", "Bearer", "openid", Clock.System.now(), renewed = false)
        val answer = { name: String ->
            when (name) {
                "credentials", "renew" -> credentials
                "idToken" -> IdToken("header.claims.signature", Clock.System.now())
                "login", "userinfo" -> User("auth0|1")
                "authorize" -> Authorization(emptyList())
                "after" -> null
                else -> dev.hallpass.ApiReply(200, emptyList(), ByteArray(0), renewals = 0)
            }
        }
        return Proxy.newProxyInstance(javaClass.classLoader, arrayOf(Session::class.java)) { _, method, _ ->
            val name = method.name.substringBefore('-')
            used += name
            answer(name)
        } as Session
    }

    private fun test(work: suspend kotlinx.coroutines.CoroutineScope.() -> Unit) = runBlocking { withTimeout(20_000) { work() } }

    private companion object {
        val GATED = setOf("credentials", "renew", "idToken", "call", "authorize", "userinfo")
        val FREE = setOf(
            "getStates", "getEvents", "getState", "getUser", "login", "startLogin", "resume", "cancelLogin", "after", "logout",
            "revoke", "logoutUrl", "restored", "reload", "report", "close", "deviceLogin",
        )
    }
}
