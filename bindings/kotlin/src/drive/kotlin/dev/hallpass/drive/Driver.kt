package dev.hallpass.drive

import dev.hallpass.ApiRequest
import dev.hallpass.Config
import dev.hallpass.HallpassException
import dev.hallpass.Login
import dev.hallpass.Prompt
import dev.hallpass.Provider
import dev.hallpass.Session
import dev.hallpass.User
import dev.hallpass.UserCode
import dev.hallpass.net.UrlConnectionTransport
import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.MemoryStore
import dev.hallpass.ports.MovableClock
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The sessions that a driver has open, the one clock that they share, and what each operation does. */
internal class Driver {
    private class Open(val session: Session, val counters: Counters, val events: EventLog, val reopen: () -> Session) {
        /** The device login that waits for its user, if there is one. */
        @Volatile
        var device: Deferred<User>? = null
    }

    private val deviceLogins = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    private val clock = MovableClock()
    private var advanced = Duration.ZERO
    private val transport = UrlConnectionTransport()
    private val sessions = ConcurrentHashMap<String, Open>()
    private val opened = AtomicInteger()

    /** The answer to a line, as a line. */
    suspend fun answer(line: Line): String {
        var id: JsonElement = JsonNull
        val outcome = try {
            if (line !is Line.Whole) throw Refusal("line_too_long", "a line has at most ${Lines.MOST_BYTES} bytes")
            val request = parsed(line.text)
            id = identified(request)
            val operation = (request["op"] as? JsonPrimitive)?.takeIf { it.isString }?.content
                ?: throw Refusal("not_a_request", "`op` has to be a string")
            "ok" to perform(operation, Members(operation, JsonObject(request - "id" - "op")))
        } catch (refusal: Refusal) {
            "error" to failed("InvalidRequest", refusal.code, false, refusal.message)
        } catch (error: HallpassException) {
            val retryAfter = (error as? HallpassException.Offline)?.retryAfter
            "error" to failed(error.kind, error.code, error.isRetryable, error.message.orEmpty(), retryAfter)
        }
        return buildJsonObject {
            put("id", id)
            put(outcome.first, outcome.second)
        }.toString()
    }

    private suspend fun perform(operation: String, members: Members): JsonObject = when (operation) {
        "open" -> open(members)
        "login_start" -> of(members, { optionalObject("params")?.let(::login) ?: Login() }) { open, login ->
            val started = open.session.startLogin(login)
            buildJsonObject {
                put("url", started.url)
                put("state", started.state)
            }
        }
        "login_finish" -> of(members, { string("callback") }) { open, callback -> finishLogin(open, callback) }
        "device_start" -> of(members, { optionalObject("params")?.let(::login) ?: Login() }, ::startDeviceLogin)
        "device_finish" -> of(members, { }) { open, _ ->
            val device = open.device ?: members.refuse("no device login was started")
            open.device = null
            signedIn(open, device.await())
        }
        "login_cancel" -> of(members) { it.session.cancelLogin() }
        "credentials" -> {
            val minTtl = members.optionalSeconds("min_ttl")?.seconds ?: Session.DEFAULT_MIN_TTL
            of(members, { optionalString("audience") to optionalString("scope") }) { open, (audience, scope) ->
                open.session.credentials(minTtl, audience, scope).toJson()
            }
        }
        "renew" -> of(members, { }) { open, _ -> open.session.renew().toJson() }
        "userinfo" -> of(members, { }) { open, _ -> buildJsonObject { put("claims", json(open.session.userinfo().claims)) } }
        "user" -> of(members, { }) { open, _ -> buildJsonObject { put("user", open.session.user?.let { json(it.claims) } ?: JsonNull) } }
        "state" -> of(members, { }) { open, _ -> buildJsonObject { put("state", open.session.state.toJson()) } }
        "reload" -> of(members, { }) { open, _ -> buildJsonObject { put("state", open.session.reload().toJson()) } }
        "events" -> of(members, { optionalCount("count") ?: 0 }) { open, count ->
            buildJsonObject { put("events", JsonArray(open.events.taken(count).map { it.toJson() })) }
        }
        "call" -> of(members, ::apiRequest) { open, request -> open.session.call(request).toJson() }
        "revoke" -> of(members) { it.session.revoke() }
        "logout_url" -> of(members, { optionalString("post_logout_redirect_uri") }) { open, uri ->
            buildJsonObject { put("url", open.session.logoutUrl(uri)) }
        }
        "logout" -> of(members, { }) { open, _ ->
            val outcome = open.session.logout()
            buildJsonObject {
                put("erased", outcome.erased)
                put("revoked", outcome.revoked)
            }
        }
        "advance" -> {
            val time = members.seconds("seconds").seconds
            members.end()
            clock.advance(time)
            synchronized(this) { advanced += time }
            JsonObject(emptyMap())
        }
        "close" -> close(members)
        "counters" -> of(members, { }) { open, _ -> open.counters.toJson() }
        else -> throw Refusal("unknown_op", "there is no `$operation`; there are ${OPERATIONS.joinToString()}")
    }

    private suspend fun open(members: Members): JsonObject {
        val config = config(members.optionalObject("config") ?: members.refuse("missing member `config`"))
        val path = members.optionalString("store") ?: "memory"
        val account = members.optionalString("account") ?: "default"
        members.end()
        val folder = path.removePrefix("file:").takeIf { path.startsWith("file:") && it.isNotEmpty() }
        if (folder == null && path != "memory") members.refuse("`store` is `memory`, or `file:` and the path of a folder")
        val counters = Counters()
        val store = CountingStore(folder?.let(::FileStore) ?: MemoryStore(), counters)
        val reopen = {
            Session.open(config, store, CountingTransport(transport, counters), account = account, leaseFolder = folder, clock = clock)
        }
        val session = reopen()
        val events = EventLog(session)
        // A store that cannot be read now is no reason not to open: the state says so.
        val state = try {
            session.restored()
        } catch (notNow: HallpassException) {
            System.err.println("the session is not restored yet: ${notNow.code}")
            session.state
        }
        val name = "s${opened.incrementAndGet()}"
        sessions[name] = Open(session, counters, events, reopen)
        return buildJsonObject {
            put("session", name)
            put("state", state.toJson())
        }
    }

    /** The account may be opened again when the session's work has ended; opening it is how that is seen from outside. */
    private suspend fun close(members: Members): JsonObject {
        val name = members.string("session")
        members.end()
        val open = sessions.remove(name) ?: throw unknown(name)
        open.device?.cancelAndJoin()
        open.session.close()
        open.events.close()
        repeat(CLOSING_TRIES) {
            val isClosed = try {
                open.reopen().close()
                true
            } catch (busy: HallpassException.Misconfigured) {
                if (busy.code != "account") throw busy
                false
            }
            if (isClosed) return JsonObject(emptyMap())
            delay(CLOSING_PAUSE)
        }
        throw Refusal("session_busy", "work of `$name` goes on after ${CLOSING_PAUSE * CLOSING_TRIES}")
    }

    /** Begins a device login, and returns what it shows. */
    private suspend fun startDeviceLogin(open: Open, login: Login): JsonObject {
        val shown = CompletableDeferred<UserCode>()
        val device = deviceLogins.async { open.session.deviceLogin(login) { shown.complete(it) } }
        // It may end before it has a code.
        device.invokeOnCompletion { error -> error?.let(shown::completeExceptionally) }
        val code = shown.await()
        open.device = device
        return buildJsonObject {
            put("user_code", code.code)
            put("verification_uri", code.verificationUri)
            put("verification_uri_complete", code.verificationUriComplete)
            put("expires_in", code.lifetime.inWholeSeconds)
        }
    }

    private suspend fun finishLogin(open: Open, callback: String): JsonObject = signedIn(open, open.session.resume(callback))

    private suspend fun signedIn(open: Open, user: User): JsonObject {
        // The token has just arrived, so this asks for what is there and sends nothing.
        val credentials = runCatching { open.session.credentials(Duration.ZERO) }.getOrNull()
        val now = kotlin.time.Clock.System.now() + synchronized(this) { advanced }
        val left = credentials?.expiresAt?.let { (it - now).coerceAtLeast(Duration.ZERO) }
        return buildJsonObject {
            put("claims", json(user.claims))
            put("scope", credentials?.scope)
            put("expires_in", left?.let { Math.round(it.inWholeMilliseconds / 1000.0).toDouble() })
            put("has_refresh_token", open.counters.hasRefreshToken)
        }
    }

    private suspend fun <T> of(members: Members, read: Members.() -> T, work: suspend (Open, T) -> JsonObject): JsonObject {
        val name = members.string("session")
        val arguments = members.read()
        members.end()
        return work(sessions[name] ?: throw unknown(name), arguments)
    }

    private suspend fun of(members: Members, work: suspend (Open) -> Unit): JsonObject = of(members, { }) { open, _ ->
        work(open)
        JsonObject(emptyMap())
    }

    private companion object {
        val CLOSING_PAUSE = 2.milliseconds
        const val CLOSING_TRIES = 30_000
    }
}

private val OPERATIONS = listOf(
    "open", "login_start", "login_finish", "device_start", "device_finish", "login_cancel", "credentials", "renew", "userinfo",
    "user", "state", "reload", "events", "call", "revoke", "logout_url", "logout", "advance", "close", "counters",
)

private fun parsed(text: String): JsonObject {
    val value = try {
        Json.parseToJsonElement(text).also { if (!it.isJson()) throw SerializationException("a word without quotes") }
    } catch (malformed: SerializationException) {
        throw Refusal("not_json", "not JSON")
    } catch (tooDeep: StackOverflowError) {
        throw Refusal("not_json", "not JSON: too deep")
    }
    return value as? JsonObject ?: throw Refusal("not_a_request", "a request is a JSON object")
}

/** The parser takes any word without quotes for a value. */
private fun JsonElement.isJson(): Boolean = when (this) {
    is JsonObject -> values.all { it.isJson() }
    is JsonArray -> all { it.isJson() }
    is JsonNull -> true
    is JsonPrimitive -> isString || booleanOrNull != null || NUMBER.matches(content)
}

private val NUMBER = Regex("""-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?""")

private fun identified(request: JsonObject): JsonElement =
    (request["id"] as? JsonPrimitive)?.takeIf { it !is JsonNull && (it.isString || it.content.toDoubleOrNull() != null) }
        ?: throw Refusal("not_a_request", "`id` has to be a number or a string")

private fun unknown(name: String) = Refusal("unknown_session", "no session `$name` is open")

private fun config(members: Members): Config = members.run {
    val issuer = string("issuer")
    val provider = when (val dialect = optionalString("dialect") ?: "oidc") {
        "oidc" -> Provider.OpenIdConnect(issuer)
        "auth0" -> Provider.Auth0(issuer)
        else -> refuse("`dialect` is `oidc` or `auth0`, not `$dialect`")
    }
    Config(
        provider = provider,
        clientId = string("client_id"),
        redirectUri = string("redirect_uri"),
        scope = optionalString("scope"),
        audience = optionalString("audience"),
        resources = strings("resource"),
        organization = optionalString("organization"),
        maxAge = optionalSeconds("max_age")?.seconds,
        leeway = optionalSeconds("leeway_seconds")?.seconds,
        loginLifetime = optionalSeconds("login_lifetime_seconds")?.seconds,
        apiOrigins = strings("api_origins"),
        postLogoutRedirectUri = optionalString("post_logout_redirect_uri"),
        telemetry = optionalBoolean("telemetry") ?: true,
        dpop = optionalBoolean("dpop") ?: false,
        par = optionalBoolean("par") ?: false,
        metadataUrl = optionalString("metadata_url"),
        issuerTemplate = optionalString("issuer_template"),
        dangerAcceptMissingNonce = optionalBoolean("accept_missing_nonce") ?: false,
        dangerAllowAnyRedirectScheme = optionalBoolean("allow_any_redirect_scheme") ?: false,
        dangerAllowLoopbackHttp = optionalBoolean("allow_loopback_http") ?: false,
    ).also { end() }
}

private fun login(members: Members): Login = members.run {
    Login(
        prompt = optionalString("prompt").orEmpty().split(' ').filter { it.isNotEmpty() }.map { prompt ->
            when (prompt) {
                "none" -> Prompt.None
                "login" -> Prompt.Login
                "consent" -> Prompt.Consent
                "select_account" -> Prompt.SelectAccount
                "create" -> Prompt.Create
                else -> refuse("`prompt` cannot be `$prompt`")
            }
        }.toSet(),
        scope = optionalString("scope"),
        audience = optionalString("audience"),
        resources = strings("resource"),
        loginHint = optionalString("login_hint"),
        uiLocales = optionalString("ui_locales"),
        acrValues = optionalString("acr_values"),
        maxAge = optionalSeconds("max_age")?.seconds,
        organization = optionalString("organization"),
        invitation = optionalString("invitation"),
        connection = optionalString("connection"),
        extra = texts("extra"),
    ).also { end() }
}

private fun apiRequest(members: Members): ApiRequest = members.run {
    val method = string("method")
    if (method !in listOf("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")) refuse("`method` cannot be `$method`")
    ApiRequest(
        method = method,
        url = string("url"),
        headers = texts("headers").map { (name, value) -> HttpHeader(name, value) },
        body = optionalString("body").orEmpty().encodeToByteArray(),
    )
}
