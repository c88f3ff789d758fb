package dev.hallpass.okhttp

import dev.hallpass.Authorization
import dev.hallpass.HallpassException
import dev.hallpass.Session
import dev.hallpass.StepUp
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.MemoryStore
import dev.hallpass.testing.ScriptedApi
import dev.hallpass.testing.ScriptedApi.Answer
import dev.hallpass.testing.ScriptedApi.Asked
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import okhttp3.Call
import okhttp3.Callback
import okhttp3.OkHttpClient
import okhttp3.MediaType
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import okio.BufferedSink
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import java.io.IOException
import java.io.InterruptedIOException
import java.net.InetAddress
import java.net.ServerSocket
import java.security.MessageDigest
import java.util.Base64
import java.util.concurrent.Callable
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicReference
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
    fun `token of another audience that is refused, is renewed for that audience and once for twenty requests at once`() =
        ScriptedApi(refusingTheFirstToken()).use { api ->
            signedIn(listOf(api.origin)) { tenant, _, session ->
                val ofLogin = session.credentials().accessToken
                val refused = session.credentials(audience = REPORTS).authorization
                val client = OkHttpClient.Builder().hallpass(session, api.origin, audience = REPORTS).build()
                val pool = Executors.newFixedThreadPool(20)
                val answers = pool.invokeAll((1..20).map { Callable { client.get(api.origin) } }, 60, TimeUnit.SECONDS).map { it.get() }
                pool.shutdown()
                assertEquals(List(20) { 200 }, answers)
                assertEquals(setOf(refused, session.credentials(audience = REPORTS).authorization), api.requests.map { it.authorization }.toSet())
                assertEquals(listOf(REPORTS, REPORTS), tenant.audiencesRenewed(), "the first token, and the one in its place")
                assertEquals(ofLogin, session.credentials().accessToken, "nobody refused this one")
            }
        }

    @Test
    fun `request that says which token it wants, gets that one and not the client's`() = ScriptedApi().use { api ->
        signedIn(listOf(api.origin)) { _, _, session ->
            val client = OkHttpClient.Builder().hallpass(session, api.origin, audience = REPORTS).build()
            for (wanted in listOf(TokenFor(), TokenFor(audience = "https://api-others.example"), TokenFor(scope = "read:reports"))) {
                client.newCall(Request.Builder().url(api.origin).tag(TokenFor::class, wanted).build()).execute().close()
                val expected = session.credentials(audience = wanted.audience, scope = wanted.scope).authorization
                assertEquals(expected, api.requests.last().authorization, "$wanted")
            }
            client.get(api.origin)
            assertEquals(session.credentials(audience = REPORTS).authorization, api.requests.last().authorization)
        }
    }

    @Test
    fun `body that can be written only once, is sent once and the next request has another token`() =
        ScriptedApi(refusingTheFirstToken()).use { api ->
            signedIn(listOf(api.origin)) { tenant, client, _ ->
                val once = object : RequestBody() {
                    override fun contentType(): MediaType? = null

                    override fun isOneShot(): Boolean = true

                    override fun writeTo(sink: BufferedSink) {
                        sink.writeUtf8("once")
                    }
                }
                val request = Request.Builder().url(api.origin).post(once).build()
                assertEquals(401, client.newCall(request).execute().use { it.code })
                assertEquals(listOf("once"), api.requests.map { it.body })
                assertEquals(200, client.newCall(request).execute().use { it.code })
                assertEquals(1, tenant.grants("refresh_token"))
            }
        }

    @Test
    fun `body that can be written again, goes with the repeat`() = ScriptedApi(refusingTheFirstToken()).use { api ->
        signedIn(listOf(api.origin)) { _, client, _ ->
            val request = Request.Builder().url(api.origin).post("again".toRequestBody()).build()
            assertEquals(200, client.newCall(request).execute().use { it.code })
            assertEquals(listOf("again", "again"), api.requests.map { it.body })
        }
    }

    @Test
    fun `API that wants the user to authenticate again, the call fails with what it asks for`() {
        val challenge = """Bearer error="insufficient_user_authentication", acr_values="gold""""
        ScriptedApi { Answer(401, "WWW-Authenticate" to challenge) }.use { api ->
            signedIn(listOf(api.origin)) { tenant, client, _ ->
                val error = assertThrows(NotAuthorizedException::class.java) { client.get(api.origin) }
                val cause = assertInstanceOf(HallpassException.StepUpRequired::class.java, error.cause)
                assertEquals(StepUp(acrValues = "gold"), cause.stepUp)
                assertEquals(1, api.requests.size)
                assertEquals(0, tenant.grants("refresh_token"))
                assertEquals(0, client.connectionPool.connectionCount() - client.connectionPool.idleConnectionCount(), "leaked")
            }
        }
    }

    @Test
    fun `API that redirects within its origin and refuses there, is sent another token there`() {
        for (dpop in listOf(false, true)) {
            val refusing = refusingTheFirstToken()
            ScriptedApi { if (it.path == "/old") Answer(307, "Location" to "/new") else refusing(it) }.use { api ->
                signedIn(listOf(api.origin), dpop) { tenant, client, _ ->
                    assertEquals(200, client.get(api.origin + "/old"))
                    assertEquals(listOf("/old", "/new", "/new"), api.requests.map { it.path })
                    assertEquals(api.requests[0].authorization, api.requests[1].authorization)
                    assertEquals(1, tenant.grants("refresh_token"))
                    if (!dpop) return@signedIn
                    assertEquals(api.requests.map { api.origin + it.path }, api.requests.map { it.proof("htu") })
                    assertEquals(3, api.requests.map { it.proof("jti") }.toSet().size, "a proof is for once")
                }
            }
        }
    }

    @Test
    fun `API that redirects to another origin, neither token nor proof follows and its 401 is the answer`() =
        ScriptedApi { Answer(401) }.use { elsewhere ->
            ScriptedApi { Answer(307, "Location" to elsewhere.origin) }.use { api ->
                for (dpop in listOf(false, true)) {
                    // Also when it is an origin that has a token of its own.
                    signedIn(listOf(api.origin, elsewhere.origin), dpop) { tenant, client, _ ->
                        assertEquals(401, client.get(api.origin))
                        assertNotNull(api.requests.last().authorization)
                        assertEquals(null to null, elsewhere.requests.last().run { authorization to headers["dpop"] })
                        assertEquals(0, tenant.grants("refresh_token"))
                    }
                }
                assertEquals(2, elsewhere.requests.size)
            }
        }

    @Test
    fun `API that is never content, is left after a few requests`() = ScriptedApi { Answer(401) }.use { api ->
        // As a session that judges the end of each redirect anew.
        signedIn(listOf(api.origin)) { _, _, session ->
            val eager = object : Session by session {
                override suspend fun after(authorization: Authorization, status: Int, headers: List<HttpHeader>) = authorization
            }
            val client = OkHttpClient.Builder().hallpass(eager, api.origin).build()
            assertEquals(401, client.get(api.origin))
            assertEquals(4, api.requests.size)
        }
    }

    @Test
    fun `kept connection that breaks, the request that OkHttp sends again has another proof`() = ServerSocket(0, 0, LOOPBACK).use { api ->
        val proofs = CopyOnWriteArrayList<String>()
        // Answers the first request of its first connection, breaks that one off at the second, and answers the next.
        thread(isDaemon = true) {
            for (answered in listOf(1, Int.MAX_VALUE)) api.accept().use { connection ->
                val lines = connection.getInputStream().bufferedReader()
                for (number in 0..answered) {
                    val fields = generateSequence { lines.readLine() }.takeWhile { it.isNotEmpty() }.toList()
                    proofs += fields.filter { it.startsWith("DPoP: ") }
                    if (fields.isEmpty() || number == answered) break
                    connection.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".encodeToByteArray())
                }
            }
        }
        val origin = "http://127.0.0.1:${api.localPort}"
        signedIn(listOf(origin), dpop = true) { _, client, _ ->
            repeat(2) { assertEquals(200, client.get(origin)) }
            assertEquals(3, proofs.size)
            assertEquals(3, proofs.toSet().size, "a proof is for once")
        }
    }

    @Test
    fun `session closed, the call fails as OkHttp's calls do`() = signedIn { tenant, client, session ->
        session.close()
        val error = assertThrows(NotAuthorizedException::class.java) { client.get(tenant.api) }
        assertEquals("session", assertInstanceOf(HallpassException.Misconfigured::class.java, error.cause).code)
    }

    @Test
    fun `session closed while the API works, its answer is returned all the same`() {
        var session: Session? = null
        ScriptedApi { Answer(201).also { session?.close() } }.use { api ->
            signedIn(listOf(api.origin)) { _, client, open ->
                session = open
                assertEquals(201, client.get(api.origin))
            }
        }
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
            override suspend fun authorize(method: String, url: String, minTtl: Duration, audience: String?, scope: String?): Authorization {
                isWaiting.complete(Unit)
                awaitCancellation()
            }
        }
        val client = OkHttpClient.Builder().hallpass(silent, tenant.api).build()
        test(client.newCall(Request.Builder().url(tenant.api).build()), isWaiting)
    }

    private fun signedIn(
        apis: List<String> = emptyList(),
        dpop: Boolean = false,
        test: suspend (Tenant, OkHttpClient, Session) -> Unit,
    ) = runBlocking {
        Tenant.start().use { tenant ->
            val origins = apis + tenant.api.trimEnd('/')
            val config = tenant.config().copy(dpop = dpop, apiOrigins = origins)
            Session.open(config, MemoryStore(), browser = ScriptedBrowser()).use { session ->
                withTimeout(30.seconds) { session.login() }
                test(tenant, OkHttpClient.Builder().hallpass(session, *origins.toTypedArray()).build(), session)
            }
        }
    }

    /** Answers 401 to the first token that it sees, however often, and 200 to any other. */
    private fun refusingTheFirstToken(): (Asked) -> Answer {
        val first = AtomicReference<String?>()
        return { asked ->
            first.compareAndSet(null, asked.authorization)
            Answer(if (asked.authorization == first.get()) 401 else 200)
        }
    }

    /** The audiences that refresh tokens were used for, in order. */
    private fun Tenant.audiencesRenewed(): List<String?> =
        requests("token").filter { it["grant_type"]?.jsonPrimitive?.content == "refresh_token" }
            .map { it["parameters"]?.jsonObject?.get("audience")?.jsonPrimitive?.contentOrNull }

    /** A claim of its proof. */
    private fun Asked.proof(claim: String): String {
        val claims = headers.getValue("dpop").split('.')[1]
        return Json.parseToJsonElement(Base64.getUrlDecoder().decode(claims).decodeToString()).jsonObject.getValue(claim).jsonPrimitive.content
    }

    /** What the latest request there had as its authorization. */
    private fun Tenant.authorization(endpoint: String): String? =
        requests(endpoint).last().getValue("headers").jsonObject["authorization"]?.jsonPrimitive?.contentOrNull

    /** What the tenant's log keeps of a token: the beginning of its SHA-256. */
    private fun fingerprint(token: String): String =
        "#" + MessageDigest.getInstance("SHA-256").digest(token.encodeToByteArray()).take(4).joinToString("") { "%02x".format(it) }

    private fun OkHttpClient.get(url: String): Int = newCall(Request.Builder().url(url).build()).execute().use { it.code }

    private companion object {
        const val REPORTS = "https://api-reports.example"
        val LOOPBACK: InetAddress = InetAddress.getLoopbackAddress()
    }
}
