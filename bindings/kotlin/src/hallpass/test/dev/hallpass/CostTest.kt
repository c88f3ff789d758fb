package dev.hallpass

import dev.hallpass.ports.HttpResponse
import dev.hallpass.ports.MemoryStore
import dev.hallpass.ports.Transport
import dev.hallpass.testing.JvmTransport
import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.net.http.HttpClient
import kotlin.time.Duration.Companion.seconds

/** What a call costs, and what a session leaves behind. */
class CostTest {
    @Test
    fun `credentials in memory, are had three hundred times as fast as across the border`() = runBlocking {
        Tenant.start().use { tenant ->
            Session.open(tenant.config(), MemoryStore(), browser = ScriptedBrowser()).use { session ->
                session.login()
                // The scope that was granted names the same token, but has to be asked for at the core.
                val scope = session.credentials().scope
                repeat(WARM_UP) { session.credentials() }
                repeat(WARM_UP / 20) { session.credentials(scope = scope) }
                val pairs = (1..ROUNDS).map {
                    val hit = nanosecondsEach(200_000) { session.credentials(minTtl = 1.seconds) }
                    hit to nanosecondsEach(1_000) { session.credentials(minTtl = 1.seconds, scope = scope) }
                }
                val hit = pairs.minOf { it.first }
                val crossing = pairs.minOf { it.second }
                println("credentials(): %.0f ns in memory, %.0f ns across, ratio %.0f".format(hit, crossing, crossing / hit))
                assertTrue(crossing / hit >= 300, "only ${crossing / hit} times as fast")
            }
        }
    }

    @Test
    fun `body of a mebibyte, crosses the border in a blink`() = runBlocking {
        Tenant.start().use { tenant ->
            var body = ByteArray(0)
            val network = JvmTransport(HttpClient.Builder.NO_PROXY)
            // The API answers without a network, so that what is measured is the way of its answer: to the core, and back.
            val transport = Transport { request ->
                if (request.url.startsWith(tenant.api)) HttpResponse(200, emptyList(), body) else network.send(request)
            }
            Session.open(tenant.config(), MemoryStore(), transport, ScriptedBrowser()).use { session ->
                session.login()
                val request = ApiRequest.get(tenant.api)
                suspend fun milliseconds(size: Int): Double {
                    body = ByteArray(size)
                    check(session.call(request).body.size == size)
                    return (1..ROUNDS).minOf { nanosecondsEach(4) { session.call(request) } } / 1e6
                }
                val (empty, large) = milliseconds(0) to milliseconds(1 shl 20)
                println("call(): %.2f ms with an empty answer, %.2f ms with one of 1 MiB".format(empty, large))
                assertTrue(large - empty < 1_000, "$large ms")
            }
        }
    }

    @Test
    fun `ten thousand sessions opened and closed, no memory and no thread stays behind`() = runBlocking {
        val config = Config(
            Provider.OpenIdConnect("http://127.0.0.1:9/"), "client", Tenant.REDIRECT_URI, dangerAllowLoopbackHttp = true,
        )
        suspend fun openAndClose(count: Int) = repeat(count) {
            Session.open(config, MemoryStore()).use { session -> session.restored() }
        }
        openAndClose(2_000)
        val before = residentKilobytes() to Thread.activeCount()
        openAndClose(10_000)
        val grown = residentKilobytes() - before.first
        println("10,000 sessions: $grown KiB more, ${Thread.activeCount() - before.second} threads more")
        // A session that stayed would be 5 KiB and more; the heap is of constant size here (see the module's pom).
        assertTrue(grown < 10_000 * 5, "$grown KiB")
        assertTrue(Thread.activeCount() - before.second <= 4, "threads")
        assertTrue(dev.hallpass.ffi.uniffiForeignFutureHandleCount() == 0, "calls from the core that were never answered")
    }

    private suspend fun nanosecondsEach(count: Int, work: suspend () -> Any): Double {
        var kept: Any? = null
        val started = System.nanoTime()
        repeat(count) { kept = work() }
        check(kept != null)
        return (System.nanoTime() - started).toDouble() / count
    }

    private fun residentKilobytes(): Int {
        System.gc()
        Thread.sleep(300)
        val line = java.io.File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
        return line.filter(Char::isDigit).toInt()
    }

    private companion object {
        const val WARM_UP = 200_000
        const val ROUNDS = 7
    }
}
