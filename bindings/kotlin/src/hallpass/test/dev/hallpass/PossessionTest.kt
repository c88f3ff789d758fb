package dev.hallpass

import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.KeySigner
import dev.hallpass.ports.MemoryStore
import dev.hallpass.ports.SignerException
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.Base64
import kotlin.time.Duration.Companion.seconds

/** Tokens bound to a key (RFC 9449): the core's own in software, and an app's that throws. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PossessionTest {
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
    fun `login with a key, every origin gets proofs with its own nonce and the token is renewed`() = test {
        tenant.set("""{"dpop_nonce": "of-the-tenant", "api_dpop_nonce": "of-the-api"}""")
        for (signer in listOf(null, JavaSigner())) {
            session(signer).use { session ->
                session.login()
                assertEquals("DPoP", session.credentials().tokenType)
                assertEquals(200, session.call(ApiRequest.get(tenant.api)).status)
                tenant.endAccessTokens()
                val reply = session.call(ApiRequest.get(tenant.api))
                assertEquals(200 to 1, reply.status to reply.renewals)
                assertTrue(session.logout().revoked)
            }
        }
    }

    @Test
    fun `client of the app's own, gets the fields of one request, and those with the nonce that the API wants`() = test {
        session(JavaSigner()).use { session ->
            session.login()
            val first = session.authorize("GET", tenant.api)
            assertEquals(listOf("Authorization", "DPoP"), first.headers.map { it.name })
            val wants = listOf(HttpHeader("WWW-Authenticate", """DPoP error="use_dpop_nonce""""), HttpHeader("DPoP-Nonce", "one"))
            val second = checkNotNull(session.after(first, 401, wants))
            assertEquals("one", second.proof["nonce"]?.jsonPrimitive?.content)
            assertEquals(first.headers.first().value, second.headers.first().value)
            // The nonce is in the proof, so it is the token that the API refuses.
            val third = checkNotNull(session.after(second, 401, wants))
            assertTrue(third.headers.first().value != first.headers.first().value, "another token")
            assertEquals(1, tenant.grants("refresh_token"))
            val elsewhere = failure<HallpassException.Misconfigured> { session.authorize("GET", "https://elsewhere.example/") }
            assertEquals("api_origins", elsewhere.code)
        }
    }

    @Test
    fun `signer that throws anything, is trouble of the store and signs nobody out until its key is gone`() = test {
        val signer = JavaSigner()
        session(signer).use { session ->
            session.login()
            for ((thrown, problem) in listOf(
                SignerException.Locked() to StorageProblem.Locked,
                SignerException.Failed() to StorageProblem.Failed,
                IllegalStateException("?") to StorageProblem.Failed,
            )) {
                signer.failure = thrown
                assertEquals(problem, failure<HallpassException.Storage> { session.renew() }.problem)
                assertInstanceOf(SessionState.SignedIn::class.java, session.state)
            }
            signer.failure = null
            session.renew()
            signer.failure = SignerException.Invalidated()
            assertEquals(LoginReason.StorageInvalidated, failure<HallpassException.LoginRequired> { session.renew() }.reason)
            assertEquals(SessionState.SignedOut(LoginReason.StorageInvalidated), session.state)
        }
    }

    /** After how long the core itself gives up is a test of the core, whose clock need not be waited for. */
    @Test
    fun `signer that never answers, is told to stop when nobody waits for it any more`() = test {
        val (asked, stopped) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        val silent = object : KeySigner by JavaSigner() {
            override suspend fun publicKey(): ByteArray =
                try {
                    asked.complete(Unit)
                    awaitCancellation()
                } finally {
                    stopped.complete(Unit)
                }
        }
        session(silent).use { session ->
            val login = launch { session.login() }
            asked.await()
            login.cancelAndJoin()
            stopped.await()
        }
    }

    @Test
    fun `tenant that binds nothing, the setting is named`() = test {
        tenant.set("""{"dpop": false}""")
        session(null).use { session ->
            assertEquals("dpop", failure<HallpassException.Misconfigured> { session.login() }.code)
            assertEquals(null, session.user)
        }
    }

    @Test
    fun `signer of another account, is refused`() = test {
        val signer = JavaSigner()
        session(signer, "home").use {
            assertEquals("signer", failure<HallpassException.Misconfigured> { session(signer, "work") }.code)
            session(JavaSigner(), "work").close()
        }
    }

    /** The claims of its proof. */
    private val Authorization.proof: JsonObject
        get() = headers.single { it.name == "DPoP" }.value.split('.').let { (_, claims, _) ->
            Json.parseToJsonElement(Base64.getUrlDecoder().decode(claims).decodeToString()).jsonObject
        }

    private fun session(signer: KeySigner?, account: String? = null) = Session.open(
        tenant.config().copy(dpop = true), MemoryStore(), browser = ScriptedBrowser(), account = account, signer = signer,
    )

    private fun test(body: suspend CoroutineScope.() -> Unit) = runBlocking { withTimeout(60.seconds, body) }
}

/** A key of Java's own, which throws on cue. */
private class JavaSigner : KeySigner {
    @Volatile
    var failure: Exception? = null
    override val identity = "java:${System.identityHashCode(this)}"
    private var pair: KeyPair? = null

    override suspend fun publicKey(): ByteArray {
        failure?.let { throw it }
        val made = pair ?: KeyPairGenerator.getInstance("EC").run {
            initialize(ECGenParameterSpec("secp256r1"))
            generateKeyPair()
        }
        pair = made
        val point = (made.public as ECPublicKey).w
        return byteArrayOf(4) + bytes(point.affineX) + bytes(point.affineY)
    }

    override suspend fun sign(message: ByteArray): ByteArray {
        failure?.let { throw it }
        return Signature.getInstance("SHA256withECDSAinP1363Format").run {
            initSign((pair ?: throw SignerException.Invalidated()).private)
            update(message)
            sign()
        }
    }

    override suspend fun delete() {
        failure = null
        pair = null
    }

    private fun bytes(number: BigInteger): ByteArray =
        number.toByteArray().takeLast(32).toByteArray().let { ByteArray(32 - it.size) + it }
}

/** The [E] that [work] throws. */
private suspend inline fun <reified E : Exception> failure(crossinline work: suspend () -> Unit): E =
    try {
        work()
        throw AssertionError("no ${E::class.simpleName}")
    } catch (error: Exception) {
        assertInstanceOf(E::class.java, error)
    }
