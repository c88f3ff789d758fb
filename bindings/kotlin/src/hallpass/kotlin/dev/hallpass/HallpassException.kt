package dev.hallpass

import kotlin.time.Duration

/**
 * Why a function of a [Session] failed, named by what the app does next. Log-safe: neither [message] nor any
 * property carries a token, a URL or text from a server; [Denied.words] alone does, and does not show it.
 *
 * @property code what happened, from a fixed vocabulary in `snake_case`
 * @property isRetryable whether the same call may succeed later without anybody changing anything
 */
public sealed class HallpassException(
    message: String,
    public val code: String,
    public val isRetryable: Boolean,
) : Exception(message) {
    /** The name of the case, such as `LoginRequired`. */
    public val kind: String
        get() = when (this) {
            is Cancelled -> "Cancelled"
            is LoginRequired -> "LoginRequired"
            is StepUpRequired -> "StepUpRequired"
            is Offline -> "Offline"
            is Denied -> "Denied"
            is Storage -> "Storage"
            is Untrusted -> "Untrusted"
            is Misconfigured -> "Misconfigured"
            is Internal -> "Internal"
        }

    /**
     * The user closed the browser, [Session.cancelLogin] was called, a second login took this one's place, or it took too
     * long. Show the sign-in button again; this is no failure.
     */
    public class Cancelled(message: String) : HallpassException(message, "cancelled", isRetryable = false)

    /** No one is signed in, or not any more, for this [reason]. Offer a login. */
    public class LoginRequired(message: String, public val reason: LoginReason) :
        HallpassException(message, reason.code, isRetryable = false)

    /**
     * An API wants the user to authenticate again, or in a stronger way, before it serves the request (RFC 9470): log in with
     * `Login(stepUp)`, and send it again. The session goes on, and other requests are served as before.
     *
     * @property stepUp what the API asks for
     */
    public class StepUpRequired(message: String, public val stepUp: StepUp) :
        HallpassException(message, "insufficient_user_authentication", isRetryable = false)

    /**
     * The server cannot be reached, or cannot answer now. The user stays signed in; try again later.
     *
     * @property offlineCause what stood in the way
     * @property retryAfter how long the server, or a run of failures, asks to wait; earlier calls send nothing
     */
    public class Offline(
        message: String,
        public val offlineCause: OfflineCause,
        public val retryAfter: Duration?,
    ) : HallpassException(message, offlineCause.code, isRetryable = true)

    /**
     * The server refused, and said so in OAuth's words, which are the [code]. Trying the same again will not help.
     *
     * @property words the refusal in the server's own words; not for a log
     */
    public class Denied(message: String, code: String, public val words: ServerWords = ServerWords()) :
        HallpassException(message, code, isRetryable = false)

    /**
     * The secure store cannot be used: its [problem], and more about it in [detail], log-safe, where there is more to say.
     * Nothing was lost: what could not be saved is kept and saved again.
     */
    public class Storage(message: String, public val problem: StorageProblem, public val detail: String? = null) :
        HallpassException(message, problem.code, isRetryable = problem != StorageProblem.Invalidated)

    /** Something that came back is not what it has to be; [code] is the check that failed. Nothing of it was used. Report it. */
    public class Untrusted(message: String, code: String) : HallpassException(message, code, isRetryable = false)

    /** The app's own settings or arguments are wrong; [code] is the setting or argument, [fix] what to do about it. */
    public class Misconfigured(message: String, code: String, public val fix: String) :
        HallpassException(message, code, isRetryable = false)

    /** A defect of Hallpass or of a port. Report the [code]. */
    public class Internal(message: String, code: String) : HallpassException(message, code, isRetryable = false)
}

/**
 * What an API asks of the user before it serves a request (RFC 9470 §3); [Login] takes it as it is.
 *
 * @property acrValues the authentication context classes that would do, separated by spaces, the preferred one first
 * @property maxAge how long ago the user may have authenticated at most
 */
public data class StepUp(public val acrValues: String? = null, public val maxAge: Duration? = null)

/**
 * A refusal in the server's own words, for a developer: it may hold anything, and is not to be shown to users.
 *
 * @property code the server's error code, as it wrote it
 * @property description what the server says to a developer
 */
public data class ServerWords(public val code: String? = null, public val description: String? = null) {
    /** Shows nothing. */
    override fun toString(): String = "ServerWords"
}

/**
 * Why there is no usable answer for now.
 *
 * @property code the cause in `snake_case`
 */
public enum class OfflineCause(public val code: String) {
    /** No connection: no network, no such host, connection refused. */
    Unreachable("unreachable"),

    /** No trusted TLS connection; captive portals and intercepting proxies do this. */
    Tls("tls"),

    /** Connected, but no whole answer came in time. */
    NoAnswer("no_answer"),

    /** The server asked to slow down (429). */
    RateLimited("rate_limited"),

    /** The server failed (5xx). */
    ServerFailed("server_failed"),

    /** An answer that says nothing in this protocol, such as the HTML of a captive portal. */
    UnexpectedAnswer("unexpected_answer"),
}

/**
 * What is the matter with the secure store.
 *
 * @property code the problem in `snake_case`
 */
public enum class StorageProblem(public val code: String) {
    /** Locked for now; try again after the device is unlocked. */
    Locked("storage_locked"),

    /** Its key is gone. What it held was set aside; a login is required. */
    Invalidated("storage_invalidated"),

    /** It failed, such as for a full disk. Try again. */
    Failed("storage_failed"),
}
