package dev.hallpass

import dev.hallpass.ports.MemoryStore
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** What an app sees of the core's work: its log and a report. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LogTest {
    private lateinit var tenant: Tenant

    @BeforeAll
    fun start() {
        tenant = Tenant.start()
    }

    @AfterAll
    fun stop() = tenant.close()

    @Test
    fun `session that the server ends, log and report say why and hold no secret`() {
        val lines = CopyOnWriteArrayList<HallpassLog.Line>()
        HallpassLog.send { line ->
            lines += line
            error("what a receiver throws is nobody's concern")
        }
        runBlocking {
            withTimeout(30.seconds) {
                Session.open(tenant.config(), MemoryStore(), browser = ScriptedBrowser()).use { session ->
                    session.login()
                    val token = session.credentials().accessToken
                    assertEquals("signed_in", session.report().attributes["hallpass.session.state"])
                    assertFalse("${session.report()}".contains(token), "a report shows no token")
                    tenant.endRefreshTokens()
                    runCatching { session.renew() }
                    val report = session.report()
                    assertEquals("revoked", report.attributes["hallpass.session.reason"])
                    assertEquals("invalid_grant", report.attributes["hallpass.refusal.code"])
                    assertTrue("$report".contains("telemetry.sdk.name=hallpass\n"))
                    while (lines.none { "the session ended" in it.message }) delay(20.milliseconds)
                    assertTrue(lines.any { it.message == "a user signed in" && it.level == HallpassLog.Level.Info })
                    assertTrue(lines.none { it.level == HallpassLog.Level.Debug || token in it.message || "@" in it.message })
                }
            }
        }
        HallpassLog.stop()
    }
}
