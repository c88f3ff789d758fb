package dev.hallpass.okhttp

import dev.hallpass.Credentials
import dev.hallpass.HallpassException
import dev.hallpass.Session
import dev.hallpass.ports.MemoryStore
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import okhttp3.Call
import okhttp3.Callback
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import java.io.IOException
import java.io.InterruptedIOException
import java.security.MessageDigest
import java.util.concurrent.Callable
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

class HallpassTest {
    @Test
    fun `request to the API, carries the token and one to anywhere else does not`() = signedIn { tenant, client, _ ->
        assertEquals(200, client.get(tenant.api))
        assertEquals(404, client.get(tenant.issuer + "nowhere"))
        assertNotNull(tenant.authorization("api"))
        assertNull(tenant.authorization("elsewhere"))
    }

    @Test
    fun `API that redirects to another origin, the token does not follow`() = signedIn { tenant, client, _ ->
        val elsewhere = tenant.issuer + "elsewhere"
        tenant.plan("""{"endpoint": "api", "kind": {"redirect": {"status": 307, "location": "$elsewhere"}}}""")
        assertEquals(404, client.get(tenant.api))
        assertNotNull(tenant.authorization("api"))
        assertNull(tenant.authorization("elsewhere"))
    }

    @Test
    fun `token refused for fifty requests at once, is renewed once and each is repeated once`() = signedIn { tenant, client, _ ->
        tenant.endAccessTokens()
        val pool = Executors.newFixedThreadPool(10)
        val answers = pool.invokeAll((1..50).map { Callable { client.get(tenant.api) } }, 60, TimeUnit.SECONDS).map { it.get() }
        pool.shutdown()
        assertEquals(List(50) { 200 }, answers)
        assertEquals(1, tenant.grants("refresh_token"))
    }

    @Test
    fun `API that refuses every token, is asked twice and its answer is returned`() = signedIn { tenant, client, _ ->
        tenant.plan("""{"endpoint": "api", "times": "always", "kind": "unauthorized"}""")
        assertEquals(401, client.get(tenant.api))
        assertEquals(2, tenant.requests("api").size)
        assertEquals(1, tenant.grants("refresh_token"))
    }

    @Test
    fun `nobody signed in, nothing is sent and the error says what to do`() = signedIn { tenant, client, session ->
        session.logout()
        val error = assertThrows(NotAuthorizedException::class.java) { client.get(tenant.api) }
        assertInstanceOf(HallpassException.LoginRequired::class.java, error.cause)
        assertEquals(0, tenant.requests("api").size)
    }

    @Test
    fun `token bound to a key, goes with a proof and once more with the nonce that the API wants`() = signedIn(dpop = true) { tenant, client, _ ->
        assertEquals(200, client.get(tenant.api))
        tenant.set("""{"api_dpop_nonce": "one"}""")
        assertEquals(200, client.get(tenant.api))
        assertEquals(3, tenant.requests("api").size)
        assertEquals(200, client.get(tenant.api))
        assertEquals(4, tenant.requests("api").size)
        assertEquals(0, tenant.grants("refresh_token"))
    }

    @Test
    fun `bound token refused after a nonce was wanted, is renewed once`() = signedIn(dpop = true) { tenant, client, _ ->
        tenant.set("""{"api_dpop_nonce": "one"}""")
        tenant.endAccessTokens()
        assertEquals(200, client.get(tenant.api))
        assertEquals(1, tenant.grants("refresh_token"))
    }

    @Test
    fun `bound token on a request that is redirected, has a proof for each URL`() = signedIn(dpop = true) { tenant, client, _ ->
        tenant.plan("""{"endpoint": "api", "kind": {"redirect": {"status": 307, "location": "${tenant.api}"}}}""")
        assertEquals(200, client.get(tenant.api))
        assertEquals(2, tenant.requests("api").size)
        assertEquals(0, tenant.grants("refresh_token"))
    }

    @Test
    fun `request with the app's own token that is refused, is not repeated as the session's user`() = signedIn { tenant, client, _ ->
        val request = Request.Builder().url(tenant.api).header("Authorization", "Bearer of-another-user").build()
        assertEquals(401, client.newCall(request).execute().use { it.code })
        assertEquals(1, tenant.requests("api").size)
        assertEquals("Bearer " + fingerprint("of-another-user"), tenant.authorization("api"))
    }

    @Test
    fun `session closed, the call fails as OkHttp's calls do`() = signedIn { tenant, client, session ->
        session.close()
        val error = assertThrows(NotAuthorizedException::class.java) { client.get(tenant.api) }
        assertEquals("session", assertInstanceOf(HallpassException.Misconfigured::class.java, error.cause).code)
    }

    @Test
    fun `call canceled while it waits for a token, ends at once`() = waiting { call, isWaiting ->
        val failed = CompletableFuture<IOException>()
        call.enqueue(object : Callback {
            override fun onFailure(call: Call, e: IOException) {
                failed.complete(e)
            }

            override fun onResponse(call: Call, response: Response) = response.close()
        })
        isWaiting.get(10, TimeUnit.SECONDS)
        call.cancel()
        assertEquals("Canceled", failed.get(10, TimeUnit.SECONDS).message)
    }

    @Test
    fun `thread interrupted while it waits for a token, the call fails and the thread stays interrupted`() = waiting { call, isWaiting ->
        val failed = CompletableFuture<Pair<Throwable?, Boolean>>()
        val thread = thread { failed.complete(runCatching { call.execute() }.exceptionOrNull() to Thread.currentThread().isInterrupted) }
        isWaiting.get(10, TimeUnit.SECONDS)
        thread.interrupt()
        val (error, isInterrupted) = failed.get(10, TimeUnit.SECONDS)
        assertInstanceOf(InterruptedIOException::class.java, error)
        assertEquals(true, isInterrupted)
    }

    /** A call whose session never has a token, and what is completed when it waits for one. */
    private fun waiting(test: (Call, CompletableFuture<Unit>) -> Unit) = signedIn { tenant, _, session ->
        val isWaiting = CompletableFuture<Unit>()
        val silent = object : Session by session {
            override suspend fun credentials(minTtl: Duration, audience: String?, scope: String?): Credentials {
                isWaiting.complete(Unit)
                awaitCancellation()
            }
        }
        val client = OkHttpClient.Builder().hallpass(silent, tenant.api).build()
        test(client.newCall(Request.Builder().url(tenant.api).build()), isWaiting)
    }

    private fun signedIn(dpop: Boolean = false, test: suspend (Tenant, OkHttpClient, Session) -> Unit) = runBlocking {
        Tenant.start().use { tenant ->
            Session.open(tenant.config().copy(dpop = dpop), MemoryStore(), browser = ScriptedBrowser()).use { session ->
                withTimeout(30.seconds) { session.login() }
                test(tenant, OkHttpClient.Builder().hallpass(session, tenant.api).build(), session)
            }
        }
    }

    /** What the latest request there had as its authorization. */
    private fun Tenant.authorization(endpoint: String): String? =
        requests(endpoint).last().getValue("headers").jsonObject["authorization"]?.jsonPrimitive?.contentOrNull

    /** What the tenant's log keeps of a token: the beginning of its SHA-256. */
    private fun fingerprint(token: String): String =
        "#" + MessageDigest.getInstance("SHA-256").digest(token.encodeToByteArray()).take(4).joinToString("") { "%02x".format(it) }

    private fun OkHttpClient.get(url: String): Int = newCall(Request.Builder().url(url).build()).execute().use { it.code }
}
