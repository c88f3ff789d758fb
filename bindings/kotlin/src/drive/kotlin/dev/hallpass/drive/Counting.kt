package dev.hallpass.drive

import dev.hallpass.ports.HttpRequest
import dev.hallpass.ports.HttpResponse
import dev.hallpass.ports.SecureStore
import dev.hallpass.ports.Transport
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import java.util.TreeMap
import java.util.concurrent.atomic.AtomicLong

/** What one session has done to the outside. */
internal class Counters {
    private val requests = TreeMap<String, Long>()
    val reads = AtomicLong()
    val writes = AtomicLong()
    val deletes = AtomicLong()

    /** Whether the answer to the latest exchange of a code had a refresh token in it: the core shows one to nobody. */
    @Volatile
    var hasRefreshToken = false

    fun sent(request: HttpRequest) = synchronized(requests) {
        requests.merge("${request.method} ${request.url.substringBefore('?').substringBefore('#')}", 1, Long::plus)
    }

    fun toJson(): JsonObject = buildJsonObject {
        putJsonObject("requests") { synchronized(requests) { requests.forEach { (endpoint, count) -> put(endpoint, count) } } }
        putJsonObject("store") {
            put("reads", reads.get())
            put("writes", writes.get())
            put("deletes", deletes.get())
        }
    }
}

/** What only the exchange of a code has in its body. */
private val GRANTS = listOf("authorization_code", "grant-type%3Adevice_code", "grant-type:device_code")

/** A transport whose requests are counted by method and URL. */
internal class CountingTransport(private val inner: Transport, private val counters: Counters) : Transport {
    override suspend fun send(request: HttpRequest): HttpResponse {
        counters.sent(request)
        val response = inner.send(request)
        val exchangesCode = request.method == "POST" && GRANTS.any(request.body.decodeToString()::contains)
        if (exchangesCode) counters.hasRefreshToken = bringsRefreshToken(response)
        return response
    }

    private fun bringsRefreshToken(response: HttpResponse): Boolean {
        val answer = runCatching { Json.parseToJsonElement(response.body.decodeToString()) }.getOrNull() as? JsonObject
        return response.status in 200..299 && (answer?.get("refresh_token") as? JsonPrimitive)?.content?.isNotEmpty() == true
    }
}

/** A store whose reads and writes are counted. */
internal class CountingStore(private val inner: SecureStore, private val counters: Counters) : SecureStore by inner {
    override suspend fun load(name: String): String? {
        counters.reads.incrementAndGet()
        return inner.load(name)
    }

    override suspend fun save(name: String, value: String) {
        counters.writes.incrementAndGet()
        inner.save(name, value)
    }

    override suspend fun delete(name: String) {
        counters.deletes.incrementAndGet()
        inner.delete(name)
    }
}
