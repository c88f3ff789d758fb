package dev.hallpass.testing

import com.sun.net.httpserver.HttpServer
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors

/** An API on a free port of this machine that answers as it is told, and keeps what it was asked. */
class ScriptedApi(private val answer: (Asked) -> Answer = { Answer(200) }) : AutoCloseable {
    /** A request, with the names of its header fields in lower case. */
    class Asked(val method: String, val path: String, val headers: Map<String, String>, val body: String) {
        val authorization: String? get() = headers["authorization"]
    }

    class Answer(val status: Int, vararg val headers: Pair<String, String>)

    private val threads = Executors.newCachedThreadPool()
    private val seen = CopyOnWriteArrayList<Asked>()
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0).apply {
        executor = threads
        createContext("/") { exchange ->
            val headers = exchange.requestHeaders.map { (name, values) -> name.lowercase() to values.joinToString(", ") }.toMap()
            val asked = Asked(exchange.requestMethod, exchange.requestURI.path, headers, exchange.requestBody.readBytes().decodeToString())
            seen += asked
            val told = answer(asked)
            for ((name, value) in told.headers) exchange.responseHeaders.add(name, value)
            exchange.sendResponseHeaders(told.status, -1)
            exchange.close()
        }
        start()
    }

    /** Its origin. */
    val origin = "http://127.0.0.1:${server.address.port}"

    /** What it was asked, oldest first. */
    val requests: List<Asked> get() = seen.toList()

    override fun close() {
        server.stop(0)
        threads.shutdownNow()
    }
}
