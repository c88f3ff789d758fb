package dev.hallpass

import dev.hallpass.ports.MemoryStore
import dev.hallpass.testing.EmulatorNetwork
import dev.hallpass.testing.JvmTransport
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.net.URI
import kotlin.time.Duration.Companion.seconds

/** The exercise from inside an Android emulator, whose host is `10.0.2.2`. */
class EmulatorTest {
    @Test
    fun `tenant on the emulator's host, the story runs under that name from login to logout`() = test { tenant ->
        val config = tenant.onTheHost()
        Session.open(config, MemoryStore(), JvmTransport(EmulatorNetwork), ScriptedBrowser(network = EmulatorNetwork)).use { session ->
            assertEquals("Ada Lovelace", session.login().name)
            assertTrue(checkNotNull(session.user).claims.contains("\"http://10.0.2.2:"), "the issuer names itself so")
            tenant.endAccessTokens()
            val reply = session.call(ApiRequest.get(config.apiOrigins.single() + "/"))
            assertEquals(200 to 1, reply.status to reply.renewals)
            assertTrue(session.logout().revoked)
        }
    }

    @Test
    fun `plain HTTP not allowed, the emulator's host is refused as any other`() = test { tenant ->
        val error = assertThrows(HallpassException.Misconfigured::class.java) {
            Session.open(tenant.onTheHost().copy(dangerAllowLoopbackHttp = false), MemoryStore())
        }
        assertEquals("issuer", error.code)
    }

    private fun Tenant.onTheHost(): Config = config().copy(
        provider = Provider.Auth0("http://10.0.2.2:${URI(issuer).port}/"),
        apiOrigins = listOf("http://10.0.2.2:${URI(api).port}"),
    )

    private fun test(body: suspend (Tenant) -> Unit) = runBlocking {
        withTimeout(60.seconds) { Tenant.start().use { body(it) } }
    }
}
