package dev.hallpass.net

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.HttpRequest
import dev.hallpass.ports.TransportException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

@Timeout(60)
class UrlConnectionTransportTest {
    private val transport = UrlConnectionTransport(connectTimeout = 2.seconds, timeout = 3.seconds)
    private val threads = Executors.newCachedThreadPool()
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0).apply {
        executor = threads
        start()
    }
    private val base = "http://127.0.0.1:${server.address.port}"
    private val seen = CopyOnWriteArrayList<String>()

    @AfterEach
    fun stop() {
        server.stop(0)
        threads.shutdownNow()
    }

    @Test
    fun `post, is sent with headers and body and the answer is read`() = runBlocking {
        serve("/token") { exchange ->
            seen += exchange.requestHeaders.getFirst("Content-Type") + " " + exchange.requestBody.readBytes().decodeToString()
            exchange.responseHeaders.add("X-Answer", "yes")
            answer(exchange, 403, """{"error":"invalid_grant"}""")
        }
        val response = transport.send(post("/token", "a=b"))
        assertEquals(403, response.status)
        assertEquals("""{"error":"invalid_grant"}""", response.body.decodeToString())
        assertEquals("yes", response.headers.single { it.name.equals("x-answer", ignoreCase = true) }.value)
        assertEquals(listOf("application/x-www-form-urlencoded a=b"), seen.toList())
    }

    @Test
    fun `name of the library, goes with requests that have none`() = runBlocking {
        serve("/token") { exchange ->
            seen += exchange.requestHeaders["User-Agent"].toString()
            answer(exchange, 200, "")
        }
        val named = UrlConnectionTransport(connectTimeout = 2.seconds, timeout = 3.seconds, userAgent = "Hallpass/1 (Android 15)")
        named.send(post("/token", ""))
        named.send(HttpRequest("GET", "$base/token", listOf(HttpHeader("user-agent", "App/2")), ByteArray(0), 1000))
        assertEquals(listOf("[Hallpass/1 (Android 15)]", "[App/2]"), seen.toList())
    }

    @Test
    fun `redirect, is an answer and is not followed`() = runBlocking {
        serve("/token") { exchange ->
            exchange.responseHeaders.add("Location", "$base/elsewhere")
            answer(exchange, 307, "")
        }
        serve("/elsewhere") { exchange ->
            seen += "followed"
            answer(exchange, 200, "")
        }
        assertEquals(307, transport.send(post("/token", "secret=1")).status)
        assertTrue(seen.isEmpty())
    }

    @Test
    fun `unauthorized, to a request with and without a body, is an answer with its status`() = runBlocking {
        serve("/api") { exchange ->
            exchange.responseHeaders.add("WWW-Authenticate", "Bearer realm=\"api\"")
            answer(exchange, 401, "no")
        }
        assertEquals(401, transport.send(post("/api", "x")).status)
        assertEquals("no", transport.send(get("/api")).body.decodeToString())
    }

    @Test
    fun `unauthorized, on a jvm that is told to repeat no post, is an answer with its body`() = runBlocking {
        serve("/token") { exchange -> answer(exchange, 401, """{"error":"invalid_client"}""") }
        val before = System.setProperty("sun.net.http.retryPost", "false")
        try {
            assertEquals("""{"error":"invalid_client"}""", transport.send(post("/token", "a=b")).body.decodeToString())
        } finally {
            if (before == null) System.clearProperty("sun.net.http.retryPost") else System.setProperty("sun.net.http.retryPost", before)
        }
    }

    @Test
    fun `kept connection that turns out to be closed, the post is sent once and the caller is told`() = runBlocking {
        val accepted = AtomicInteger()
        ServerSocket(0, 8, InetAddress.getLoopbackAddress()).use { socket ->
            val posts = AtomicInteger()
            thread {
                runCatching {
                    while (true) socket.accept().use { connection ->
                        accepted.incrementAndGet()
                        val input = connection.getInputStream().bufferedReader()
                        if (input.readLine()?.startsWith("POST") == true) posts.incrementAndGet()
                        // The request is processed, and its answer is lost.
                    }
                }
            }
            val request = HttpRequest("POST", "http://127.0.0.1:${socket.localPort}/token", FORM, "a=b".encodeToByteArray(), 1024)
            assertInstanceOf(TransportException.NoAnswer::class.java, failure { transport.send(request) })
            Thread.sleep(200)
            assertEquals(1, posts.get())
            assertEquals(1, accepted.get())
        }
    }

    @Test
    fun `answer larger than asked for, is not read to its end`() = runBlocking {
        serve("/large") { exchange -> answer(exchange, 200, "x".repeat(2_000)) }
        assertInstanceOf(TransportException.TooLarge::class.java, failure { transport.send(get("/large", limit = 1_999)) })
        assertEquals(2_000, transport.send(get("/large", limit = 2_000)).body.size)
    }

    @Test
    fun `server that cannot be reached, is told apart from one that cannot be trusted and one that says nothing`(): Unit = runBlocking {
        val closed = ServerSocket(0).use { it.localPort }
        assertInstanceOf(TransportException.Unreachable::class.java, failure { transport.send(get("http://127.0.0.1:$closed/")) })
        assertInstanceOf(TransportException.Unreachable::class.java, failure { transport.send(get("http://host.invalid/")) })
        listening("HTTP/1.1 400 Bad Request\r\n\r\n") { port ->
            assertInstanceOf(TransportException.Tls::class.java, failure { transport.send(get("https://127.0.0.1:$port/")) })
        }
        val quick = UrlConnectionTransport(connectTimeout = 5.seconds, timeout = 100.milliseconds)
        listening(null) { port ->
            assertInstanceOf(TransportException.NoAnswer::class.java, failure { quick.send(get("http://127.0.0.1:$port/")) })
        }
    }

    @Test
    fun `handshake that is stalled, ends with the time for a connection and nothing was sent`(): Unit = runBlocking {
        val quick = UrlConnectionTransport(connectTimeout = 100.milliseconds, timeout = 30.seconds)
        listening(null) { port ->
            assertInstanceOf(TransportException.Unreachable::class.java, failure { quick.send(get("https://127.0.0.1:$port/")) })
        }
    }

    @Test
    fun `cleartext that the platform forbids, is no request and is not sent`(): Unit = runBlocking {
        serve("/api") { exchange ->
            seen += "sent"
            answer(exchange, 200, "")
        }
        val asked = CopyOnWriteArrayList<String>()
        val strict = UrlConnectionTransport(permitsCleartext = { host ->
            asked += host
            false
        })
        assertInstanceOf(TransportException.InvalidRequest::class.java, failure { strict.send(get("/api")) })
        assertEquals(listOf("127.0.0.1"), asked.toList())
        assertTrue(seen.isEmpty())
        // Only cleartext is asked about.
        assertInstanceOf(TransportException.Unreachable::class.java, failure { strict.send(get("https://host.invalid/")) })
        assertEquals(1, asked.size)
    }

    @Test
    fun `request that is not HTTP, is not sent`() = runBlocking {
        for (request in listOf(
            get("nonsense"), get("ftp://127.0.0.1/x"), HttpRequest("BREW", "$base/", emptyList(), ByteArray(0), 10),
            HttpRequest("GET", "$base/", listOf(HttpHeader("X-A", "a\r\nX-B: b")), ByteArray(0), 10),
        )) {
            assertInstanceOf(TransportException.InvalidRequest::class.java, failure { transport.send(request) })
        }
    }

    @Test
    fun `caller cancelled, returns at once and lets go of the connection`() = runBlocking {
        val arrived = CountDownLatch(1)
        ServerSocket(0, 8, InetAddress.getLoopbackAddress()).use { socket ->
            val closed = CountDownLatch(1)
            thread {
                runCatching {
                    socket.accept().use { connection ->
                        val input = connection.getInputStream().bufferedReader()
                        generateSequence(input::readLine).takeWhile { it.isNotEmpty() }.count()
                        arrived.countDown()
                        if (input.read() < 0) closed.countDown()
                    }
                }
            }
            val caller = launch(Dispatchers.Default) { transport.send(get("http://127.0.0.1:${socket.localPort}/")) }
            assertTrue(arrived.await(5, TimeUnit.SECONDS))
            assertTrue(measureTime { caller.cancelAndJoin() } < 500.milliseconds)
            assertTrue(closed.await(5, TimeUnit.SECONDS), "the connection stays open")
        }
    }

    /** A server that answers with [answer] whatever it is sent, or never. */
    private suspend fun listening(answer: String?, test: suspend (port: Int) -> Unit) {
        ServerSocket(0, 8, InetAddress.getLoopbackAddress()).use { socket ->
            thread(isDaemon = true) {
                runCatching {
                    val connection = socket.accept()
                    if (answer != null) connection.use { it.getOutputStream().write(answer.encodeToByteArray()) }
                }
            }
            test(socket.localPort)
        }
    }

    private fun serve(path: String, work: (HttpExchange) -> Unit) {
        server.createContext(path) { exchange -> exchange.use { work(exchange) } }
    }

    private fun HttpExchange.use(work: () -> Unit) = try {
        work()
    } finally {
        close()
    }

    private fun answer(exchange: HttpExchange, status: Int, body: String) {
        val bytes = body.encodeToByteArray()
        exchange.sendResponseHeaders(status, if (bytes.isEmpty()) -1 else bytes.size.toLong())
        exchange.responseBody.write(bytes)
    }

    private fun get(path: String, limit: Long = 10_000) =
        HttpRequest("GET", if (path.startsWith("/")) base + path else path, emptyList(), ByteArray(0), limit)

    private fun post(path: String, body: String) = HttpRequest("POST", base + path, FORM, body.encodeToByteArray(), 10_000)

    private suspend fun failure(work: suspend () -> Any): Exception =
        try {
            throw AssertionError("no failure: ${work()}")
        } catch (error: TransportException) {
            error
        }

    private companion object {
        val FORM = listOf(HttpHeader("Content-Type", "application/x-www-form-urlencoded"))
    }
}
