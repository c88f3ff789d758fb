package dev.hallpass.testing

import dev.hallpass.Config
import dev.hallpass.Provider
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.io.File
import java.net.ServerSocket
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.time.Duration
import java.util.concurrent.TimeUnit

/** `lab serve` on free ports of this machine, in a process of its own that is stopped when this is closed. */
class Tenant private constructor(private val process: Process, port: Int, apiPort: Int) : AutoCloseable {
    val issuer = "http://localhost:$port/"
    val api = "http://localhost:$apiPort/"
    private val admin = "http://127.0.0.1:$port/admin/api/"
    private val client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build()

    /** The settings of the exercise's app at this tenant. */
    fun config(scope: String = "openid profile read:reports offline_access") = Config(
        provider = Provider.Auth0(issuer),
        clientId = "hallpass-lab",
        redirectUri = REDIRECT_URI,
        scope = scope,
        audience = "https://expenses-api",
        apiOrigins = listOf(api.trimEnd('/')),
        postLogoutRedirectUri = REDIRECT_URI,
        dangerAllowLoopbackHttp = true,
    )

    fun reset() {
        admin("POST", "reset", "{}")
        admin("DELETE", "faults")
        admin("DELETE", "requests")
    }

    fun set(settings: String): JsonElement = admin("PATCH", "settings", settings)

    fun plan(fault: String): JsonElement = admin("POST", "faults", fault)

    fun endAccessTokens(): JsonElement = admin("POST", "expire-access-tokens", "{}")

    fun endRefreshTokens(): JsonElement = admin("POST", "revoke-refresh-tokens", "{}")

    fun letPass(seconds: Int): JsonElement = admin("POST", "advance", """{"seconds": $seconds}""")

    /** The requests seen at [endpoint], oldest first. */
    fun requests(endpoint: String): List<JsonObject> {
        val all = admin("GET", "requests") as? JsonArray ?: JsonArray(emptyList())
        return all.map { it.jsonObject }.filter { it.getValue("endpoint").jsonPrimitive.content == endpoint }
    }

    /** How many token requests had this grant type. */
    fun grants(type: String): Int = requests("token").count { it["grant_type"]?.jsonPrimitive?.content == type }

    fun users(): JsonArray = admin("GET", "users").jsonArray

    fun admin(method: String, path: String, body: String? = null): JsonElement {
        val content = body?.let(HttpRequest.BodyPublishers::ofString) ?: HttpRequest.BodyPublishers.noBody()
        val request = HttpRequest.newBuilder(URI(admin + path)).method(method, content)
            .header("Content-Type", "application/json").timeout(Duration.ofSeconds(10)).build()
        val answer = client.send(request, HttpResponse.BodyHandlers.ofString())
        check(answer.statusCode() == 200) { "$method $path: ${answer.statusCode()} ${answer.body()}" }
        return Json.parseToJsonElement(answer.body())
    }

    override fun close() {
        process.destroy()
        if (!process.waitFor(10, TimeUnit.SECONDS)) process.destroyForcibly()
    }

    private fun awaitStart() {
        val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30)
        while (runCatching { admin("GET", "settings") }.isFailure) {
            check(process.isAlive) { "the tenant ended at once" }
            check(System.nanoTime() < deadline) { "the tenant did not answer within 30 s" }
            Thread.sleep(50)
        }
    }

    companion object {
        const val REDIRECT_URI = "com.example.hallpass.lab:/callback"

        fun start(): Tenant {
            val lab = File(System.getProperty("jna.library.path"), "lab")
            check(lab.canExecute()) { "build the tenant first: cargo build -p hallpass-lab" }
            val (port, apiPort) = freePorts()
            val process = ProcessBuilder(lab.path, "serve", "--port", "$port", "--api-port", "$apiPort")
                .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start()
            // Also when a test hangs and the JVM is told to end.
            Runtime.getRuntime().addShutdownHook(Thread { process.destroy() })
            return Tenant(process, port, apiPort).also { it.awaitStart() }
        }

        private fun freePorts(): Pair<Int, Int> =
            ServerSocket(0).use { first -> ServerSocket(0).use { second -> first.localPort to second.localPort } }
    }
}
