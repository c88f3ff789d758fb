// Login, and in a new process the stored session: API call, renewal, logout. Arguments: login|later ISSUER API FOLDER
import dev.hallpass.ApiRequest
import dev.hallpass.Config
import dev.hallpass.HallpassException
import dev.hallpass.Provider
import dev.hallpass.Session
import dev.hallpass.SessionState
import dev.hallpass.okhttp.hallpass
import dev.hallpass.ports.Browser
import dev.hallpass.ports.SecureStore
import kotlinx.coroutines.runBlocking
import okhttp3.OkHttpClient
import okhttp3.Request
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.time.Duration

const val REDIRECT_URI = "com.example.hallpass.lab:/callback"
val client: HttpClient = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build()

fun main(words: Array<String>) = runBlocking {
    val (phase, issuer, api, folder) = words
    val config = Config(
        Provider.Auth0(issuer), "hallpass-lab", REDIRECT_URI, "openid profile read:reports offline_access", "https://expenses-api",
        apiOrigins = listOf(api.trimEnd('/')), dangerAllowLoopbackHttp = true,
    )
    val store = FolderStore(File(folder))
    val browser = Browser { url, _ -> signIn(URI(url)) }
    val session = Session.open(config, store, browser = browser)
    val url = api + "expenses"

    if (phase == "login") {
        admin("PATCH", issuer, "settings", """{"refresh_token_rotation": true}""")
        val user = session.login()
        println("login: ${user.name}")
    } else {
        check(session.restored() is SessionState.SignedIn) { "the session was not found again" }
        val credentials = session.credentials()
        val reply = session.call(ApiRequest.get(url))
        check(reply.status == 200 && reply.renewals == 0)
        admin("POST", issuer, "expire-access-tokens", "{}")
        check(session.call(ApiRequest.get(url)).renewals == 1)
        check(session.credentials().accessToken != credentials.accessToken)
        val http = OkHttpClient.Builder().hallpass(session, api.trimEnd('/')).build()
        http.newCall(Request.Builder().url(url).build()).execute().use { check(it.code == 200) }
        session.logout()
        check(runCatching { session.credentials() }.exceptionOrNull() is HallpassException.LoginRequired)
        println("restart, call, renewal, logout")
    }
    session.close()
}

/** Follows redirects to the login page, submits it as Ada, and follows them back to the app. */
fun signIn(start: URI): String {
    var (page, answer) = start to send(HttpRequest.newBuilder(start))
    repeat(10) {
        val location = answer.headers().firstValue("location").orElse(null)
        if (location != null) {
            if (location.startsWith(REDIRECT_URI)) return location
            page = page.resolve(location)
            answer = send(HttpRequest.newBuilder(page))
        } else {
            val transaction = answer.body().substringAfter("name=\"transaction\" value=\"").substringBefore('"')
            page = page.resolve("/u/login")
            val form = "transaction=$transaction&username=ada%40example.com&password=correct+horse"
            val request = HttpRequest.newBuilder(page).header("Content-Type", "application/x-www-form-urlencoded")
            answer = send(request.POST(HttpRequest.BodyPublishers.ofString(form)))
        }
    }
    error("the pages lead nowhere")
}

fun admin(method: String, issuer: String, path: String, body: String) {
    val request = HttpRequest.newBuilder(URI("${issuer}admin/api/$path")).header("Content-Type", "application/json")
    check(send(request.method(method, HttpRequest.BodyPublishers.ofString(body))).statusCode() == 200)
}

fun send(request: HttpRequest.Builder) = client.send(request.timeout(Duration.ofSeconds(10)).build(), BodyHandlers.ofString())

/** A real app takes an encrypted store. */
class FolderStore(private val folder: File) : SecureStore {
    override val identity = folder.canonicalPath

    override suspend fun load(name: String) = File(folder, name).takeIf(File::exists)?.readText()

    override suspend fun save(name: String, value: String) = File(folder, name).writeText(value)

    override suspend fun delete(name: String) {
        File(folder, name).delete()
    }

    override suspend fun list() = folder.list().orEmpty().toList()
}
