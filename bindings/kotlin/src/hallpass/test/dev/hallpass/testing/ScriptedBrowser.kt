package dev.hallpass.testing

import dev.hallpass.ports.Browser
import dev.hallpass.ports.BrowserException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.net.CookieManager
import java.net.ProxySelector
import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.time.Duration

/** A browser in which Ada signs in by name and password as soon as she is asked. */
class ScriptedBrowser(
    private val username: String = "ada@example.com",
    private val password: String = "correct horse",
    network: ProxySelector = HttpClient.Builder.NO_PROXY,
) : Browser {
    private val client = HttpClient.newBuilder().cookieHandler(CookieManager()).connectTimeout(Duration.ofSeconds(5))
        .proxy(network).followRedirects(HttpClient.Redirect.NEVER).build()

    override suspend fun open(url: String, redirectUri: String): String = withContext(Dispatchers.IO) {
        visit(URI(url), redirectUri)
    }

    private fun visit(start: URI, home: String): String {
        var request = requestFor(start).build()
        repeat(MOST_PAGES) {
            val answer = client.send(request, HttpResponse.BodyHandlers.ofString())
            val location = answer.headers().firstValue("location").orElse(null)
            request = when {
                location != null && location.startsWith(home) -> return location
                location != null -> requestFor(request.uri().resolve(location)).build()
                else -> submission(request.uri(), answer.body())
            }
        }
        throw BrowserException.Failed("the pages lead nowhere")
    }

    /** The form of the page, as this user fills it in. */
    private fun submission(page: URI, html: String): HttpRequest {
        val form = FORM.find(html) ?: throw BrowserException.Failed("a page without a form")
        val fields = INPUT.findAll(form.value).associate { it.attribute("name") to it.attribute("value") } +
            mapOf("username" to username, "password" to password, "action" to BUTTON.find(form.value)?.groupValues?.get(1).orEmpty())
        val body = fields.filterKeys { it.isNotEmpty() }.map { (name, value) -> "${encode(name)}=${encode(value)}" }.joinToString("&")
        val action = Regex("""action="([^"]*)"""").find(form.value)?.groupValues?.get(1)?.replace("&amp;", "&").orEmpty()
        return requestFor(page.resolve(action)).header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(body)).build()
    }

    /** No answer is waited for without an end: a caller's own limit cannot interrupt a thread that reads. */
    private fun requestFor(page: URI): HttpRequest.Builder = HttpRequest.newBuilder(page).timeout(Duration.ofSeconds(10))

    private fun MatchResult.attribute(name: String): String =
        Regex("""\b$name="([^"]*)"""").find(value)?.groupValues?.get(1)?.replace("&amp;", "&").orEmpty()

    private fun encode(text: String) = URLEncoder.encode(text, Charsets.UTF_8)

    private companion object {
        const val MOST_PAGES = 12
        val FORM = Regex("<form.*?</form>", RegexOption.DOT_MATCHES_ALL)
        val INPUT = Regex("<input[^>]*>")
        val BUTTON = Regex("""<button[^>]*value="([^"]*)"""")
    }
}
