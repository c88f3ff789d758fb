package dev.hallpass.drive

import dev.hallpass.testing.ScriptedBrowser
import dev.hallpass.testing.Tenant
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.PrintStream
import kotlin.io.path.createTempDirectory

/** The documented operations of the driver, over the real core and the tenant. */
class DriverTest {
    private val driver = Driver()

    @Test
    fun `every operation, answers as the document says`(): Unit = runBlocking {
        Tenant.start().use { tenant ->
            val folder = createTempDirectory("hallpass-drive").toFile()
            val opened = ok("""{"id":1,"op":"open","store":"file:$folder","config":${config(tenant)}}""")
            val session = opened.text("session")
            assertEquals("""{"name":"signed_out","reason":"not_signed_in"}""", opened.getValue("state").toString())
            fun line(op: String, more: String = "") = """{"id":"x","op":"$op","session":"$session"$more}"""

            assertEquals("not_signed_in", error(line("renew")).text("code"))
            ok(line("login_start", ""","params":{"login_hint":"ada"}"""))
            ok(line("login_cancel"))
            val started = ok(line("login_start"))
            val callback = ScriptedBrowser().open(started.text("url"), Tenant.REDIRECT_URI)
            assertTrue(callback.contains(started.text("state")))
            val finished = ok(line("login_finish", ""","callback":"$callback""""))
            assertEquals("Ada Lovelace", finished.getValue("claims").jsonObject.text("name"))
            assertEquals("true", finished.text("has_refresh_token"))
            // Told from the moment of expiry, in whole seconds: one of them may have begun meanwhile.
            assertTrue(finished.text("expires_in") in listOf("3600.0", "3599.0"), finished.text("expires_in"))

            val first = ok(line("credentials")).text("access_token")
            assertEquals("true", ok(line("renew")).text("renewed"))
            assertTrue(ok(line("credentials", ""","min_ttl":0""")).text("access_token") != first)
            assertTrue(ok(line("userinfo")).getValue("claims").jsonObject.containsKey("sub"))
            assertEquals("Ada Lovelace", ok(line("user")).getValue("user").jsonObject.text("name"))
            assertEquals("signed_in", ok(line("state")).getValue("state").jsonObject.text("name"))
            assertEquals("signed_in", ok(line("reload")).getValue("state").jsonObject.text("name"))
            val events = ok(line("events", ""","count":2""")).getValue("events").toString()
            assertEquals("""[{"name":"signed_in"},{"name":"renewed"}]""", events)
            tenant.endAccessTokens()
            val reply = ok(line("call", ""","method":"GET","url":"${tenant.api}""""))
            assertEquals("200" to "1", reply.text("status") to reply.text("renewals"))
            assertTrue(ok(line("logout_url")).text("url").startsWith(tenant.issuer))

            ok("""{"id":2,"op":"advance","seconds":3590}""")
            val renewed = (1..20).map { async { ok(line("credentials")).text("access_token") } }.awaitAll()
            assertEquals(1, renewed.toSet().size)
            val requests = ok(line("counters")).getValue("requests").jsonObject
            assertEquals("4", requests.text("POST ${tenant.issuer}oauth/token"))

            ok(line("close"))
            assertEquals("unknown_session", error(line("state")).text("code"))
            val again = ok("""{"id":3,"op":"open","store":"file:$folder","config":${config(tenant)}}""")
            assertEquals("signed_in", again.getValue("state").jsonObject.text("name"))
            val name = again.text("session")
            assertEquals("true", ok("""{"id":4,"op":"logout","session":"$name"}""").text("erased"))
            assertEquals(JsonObject(emptyMap()), ok("""{"id":5,"op":"revoke","session":"$name"}"""))
            folder.deleteRecursively()
        }
    }

    @Test
    fun `configuration that asks for a key, binds the tokens to one`(): Unit = runBlocking {
        Tenant.start().use { tenant ->
            tenant.set("""{"api_dpop_nonce": "of-the-api"}""")
            val config = config(tenant).dropLast(1) + ""","dpop":true}"""
            val session = ok("""{"id":1,"op":"open","config":$config}""").text("session")
            fun line(op: String, more: String = "") = """{"id":"x","op":"$op","session":"$session"$more}"""
            val callback = ScriptedBrowser().open(ok(line("login_start")).text("url"), Tenant.REDIRECT_URI)
            ok(line("login_finish", ""","callback":"$callback""""))
            assertEquals("DPoP", ok(line("credentials")).text("token_type"))
            val reply = ok(line("call", ""","method":"GET","url":"${tenant.api}""""))
            assertEquals("200" to "0", reply.text("status") to reply.text("renewals"))
            ok(line("close"))
        }
    }

    @Test
    fun `line that is no request, is refused under its id where it has one`(): Unit = runBlocking {
        val refused = mapOf(
            "nonsense" to "not_json",
            "[".repeat(100_000) to "not_json",
            "[1]" to "not_a_request",
            """{"op":"state"}""" to "not_a_request",
            """{"id":{},"op":"state"}""" to "not_a_request",
            """{"id":7}""" to "not_a_request",
            """{"id":7,"op":"fly"}""" to "unknown_op",
            """{"id":7,"op":"state","session":5}""" to "not_a_request",
            """{"id":7,"op":"state","session":"s1","sesion":"s2"}""" to "not_a_request",
            """{"id":7,"op":"open","config":{"issuer":"i","client_id":"c","redirect_uri":"r","dialect":"saml"}}""" to "not_a_request",
            """{"id":7,"op":"state","session":"s9"}""" to "unknown_session",
        )
        for ((line, code) in refused) {
            val answer = answered(line)
            val error = answer.getValue("error").jsonObject
            assertEquals("InvalidRequest" to code, error.text("kind") to error.text("code"), line.take(80))
            assertEquals(if (line.contains("\"id\":7")) "7" else JsonNull.toString(), answer.getValue("id").toString())
        }
    }

    @Test
    fun `input with a line that is too long and a last line without its end, is answered to its end`(): Unit = runBlocking {
        val input = "x".repeat(Lines.MOST_BYTES + 1) + "\n\n{\"id\":1,\"op\":\"advance\",\"seconds\":1}"
        val output = ByteArrayOutputStream()
        drive(ByteArrayInputStream(input.toByteArray()), PrintStream(output))
        val answers = output.toString().trim().lines().map { Json.parseToJsonElement(it).jsonObject }
        assertEquals(2, answers.size)
        assertTrue(answers.any { it["error"]?.jsonObject?.text("code") == "line_too_long" })
        assertTrue(answers.any { it["id"].toString() == "1" && it["ok"] == JsonObject(emptyMap()) })
    }

    private fun config(tenant: Tenant) = """{"issuer":"${tenant.issuer}","client_id":"hallpass-lab",
        "redirect_uri":"${Tenant.REDIRECT_URI}","dialect":"auth0","allow_loopback_http":true,
        "scope":"openid profile read:reports offline_access","audience":"https://expenses-api",
        "api_origins":["${tenant.api.trimEnd('/')}"]}""".replace("\n", "")

    private suspend fun answered(line: String): JsonObject = Json.parseToJsonElement(driver.answer(Line.Whole(line))).jsonObject

    private suspend fun ok(line: String): JsonObject = answered(line).let { it["ok"]?.jsonObject ?: throw AssertionError("$line: $it") }

    private suspend fun error(line: String): JsonObject = answered(line).let { it["error"]?.jsonObject ?: throw AssertionError("$it") }

    private fun JsonObject.text(name: String): String = get(name)?.jsonPrimitiveText() ?: throw AssertionError("no $name in $this")

    private fun JsonElement.jsonPrimitiveText(): String = jsonPrimitive.content
}
