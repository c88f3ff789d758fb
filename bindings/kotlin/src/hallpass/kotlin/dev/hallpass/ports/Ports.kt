package dev.hallpass.ports

/**
 * The place where secrets outlive the process.
 *
 * An implementation
 * - makes a value durable before [save] returns, and replaces it whole;
 * - tells *absent* (`null`) from *locked*, *invalidated* and *failed*, and destroys nothing when it fails;
 * - encrypts what it writes, and keeps it out of backups;
 * - may be called from any thread, several calls at once.
 *
 * Whatever it throws besides [StoreException] counts as [StoreException.Failed]. It must not call the session that it belongs to,
 * which waits for it.
 */
public interface SecureStore {
    /** Names the storage behind this store. Two stores with the same identity see each other's entries. */
    public val identity: String

    /** Returns the value last saved under [name]; `null` when there is none. */
    public suspend fun load(name: String): String?

    /** Saves [value] under [name], in place of the one before. */
    public suspend fun save(name: String, value: String)

    /** Deletes the value under [name]; it is no error when there is none. */
    public suspend fun delete(name: String)

    /** Returns the names of all entries, in no particular order. */
    public suspend fun list(): List<String>
}

/** Why a store failed. */
public sealed class StoreException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** It is locked for now: before the first unlock after a boot, or behind a lock screen. Later it will do. */
    public class Locked(cause: Throwable? = null) : StoreException("the secure store is locked", cause)

    /** What it holds can never be read again: the key is gone. What it held was set aside. */
    public class Invalidated(cause: Throwable? = null) : StoreException("the secure store's key is gone", cause)

    /** Anything else, such as a full disk. Trying again may help. */
    public class Failed(cause: Throwable? = null) : StoreException("the secure store failed", cause)
}

/**
 * A key pair on P-256 that access tokens are bound to ([dev.hallpass.Config.dpop]), one for each account.
 *
 * An implementation
 * - makes the key when it is asked for and there is none, and goes on with it until [delete];
 * - tells *locked* from *invalidated* and *failed*: only an invalidated key ends a session;
 * - may be called from any thread, several calls at once.
 *
 * Whatever it throws besides [SignerException] counts as [SignerException.Failed].
 */
public interface KeySigner {
    /**
     * Names the key, such as by its alias. Two signers with the same identity use the same key, and only one account of a
     * process may: a logout of one would sign the other out.
     */
    public val identity: String

    /** Returns the public half, made when there is none: 65 bytes, `0x04` and both coordinates (SEC 1 §2.3.3). */
    public suspend fun publicKey(): ByteArray

    /** Signs [message] with ECDSA over its SHA-256; returns 64 bytes, `r` and `s` (RFC 7518 §3.4), not DER. */
    public suspend fun sign(message: ByteArray): ByteArray

    /** Deletes the key; it is no error when there is none. */
    public suspend fun delete()
}

/** Why a signer failed. */
public sealed class SignerException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** The key cannot be used now. Later it will do. */
    public class Locked(cause: Throwable? = null) : SignerException("the signing key is locked", cause)

    /** The key is gone for good, and what is bound to it is of no use: a login is required. */
    public class Invalidated(cause: Throwable? = null) : SignerException("the signing key is gone", cause)

    /** Anything else. Trying again may help. */
    public class Failed(cause: Throwable? = null) : SignerException("the signing key failed", cause)
}

/**
 * The network, one request at a time.
 *
 * An implementation follows no redirect, keeps no cookie and no cache, reuses connections, gives up after 10 seconds
 * without a connection and 30 seconds in all, stops reading at [HttpRequest.maxResponseBytes], and logs neither headers,
 * nor bodies, nor the query of a URL. Whatever it throws besides [TransportException] counts as
 * [TransportException.NoAnswer], and so does a status that is none of HTTP's. It must not call the session that it belongs to, which
 * waits for it.
 */
public fun interface Transport {
    /** Returns the answer, whatever its status. When it is cancelled, it lets go of the connection. */
    public suspend fun send(request: HttpRequest): HttpResponse
}

/**
 * A request to be sent as it is.
 *
 * @property method `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`
 * @property url an absolute URL
 * @property headers the header fields that matter to the protocol
 * @property body the content; empty for none
 * @property maxResponseBytes how many bytes of the response's body may be read
 */
public class HttpRequest(
    public val method: String,
    public val url: String,
    public val headers: List<HttpHeader>,
    public val body: ByteArray,
    public val maxResponseBytes: Long,
) {
    /** Shows neither the URL, nor a header, nor the body. */
    override fun toString(): String = "HttpRequest($method, ${body.size} bytes)"
}

/**
 * A response, read whole.
 *
 * @property status the status code
 * @property headers the header fields
 * @property body the content, decoded from any transfer or content encoding
 */
public class HttpResponse(
    public val status: Int,
    public val headers: List<HttpHeader>,
    public val body: ByteArray,
) {
    /** Shows neither a header nor the body. */
    override fun toString(): String = "HttpResponse($status, ${body.size} bytes)"
}

/**
 * One header field.
 *
 * @property name the name
 * @property value the value
 */
public class HttpHeader(public val name: String, public val value: String) {
    /** Shows the name only. */
    override fun toString(): String = "HttpHeader($name)"
}

/** Why there is no answer. What matters is whether the server can have acted on the request. */
public sealed class TransportException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** The request did not leave: no route, no such host, connection refused. The server has not acted. */
    public class Unreachable(cause: Throwable? = null) : TransportException("the server could not be reached", cause)

    /** The server could not prove who it is, or no secure connection could be agreed on. The server has not acted. */
    public class Tls(cause: Throwable? = null) : TransportException("no trusted connection could be made", cause)

    /** The request left, in part at least, and no whole answer came back. The server may have acted. */
    public class NoAnswer(cause: Throwable? = null) : TransportException("the server did not answer", cause)

    /** The answer is larger than asked for. The server has acted. */
    public class TooLarge : TransportException("the answer is too large", null)

    /** The request cannot be expressed in HTTP, or may not be sent by this app. Nothing was sent. */
    public class InvalidRequest(cause: Throwable? = null) : TransportException("the request is not valid HTTP", cause)
}

/**
 * The system browser, in which the user signs in (RFC 8252). Whatever it throws besides [BrowserException] counts as
 * [BrowserException.Failed].
 */
public fun interface Browser {
    /**
     * Shows [url] to the user and returns the URL below [redirectUri] that came back, as it came. When it is cancelled, it
     * closes what it opened.
     */
    public suspend fun open(url: String, redirectUri: String): String
}

/** Why no redirect came back. */
public sealed class BrowserException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** The user closed the page, or let it wait too long. */
    public class Cancelled : BrowserException("the user closed the browser", null)

    /**
     * No browser could be opened, or the redirect cannot be received.
     *
     * @property problem why; the app that asked for the login is told it as [dev.hallpass.HallpassException.Misconfigured.fix]
     */
    public class Failed(
        message: String,
        cause: Throwable? = null,
        public val problem: BrowserProblem = BrowserProblem.Other,
    ) : BrowserException(message, cause)

    /** The system does not bring this `https` redirect URI back to the app: it is no verified App Link of this app's. */
    public class RedirectNotAssociated(cause: Throwable? = null) :
        BrowserException("the redirect URI does not lead back to this app", cause)
}

/** Why no browser would do: a fixed vocabulary, so that it can be logged. */
public enum class BrowserProblem {
    /** There is none, or the manifest does not ask for them in `<queries>`. */
    NoBrowser,

    /** There is none of those that the app allows. */
    NoneAllowed,

    /** There is none that can show a page without keeping cookies. */
    NoneEphemeral,

    /** Those that there are do not return to an app through its App Link. */
    KeepsAppLinks,

    /** The system did not show it, as for an app in the background. */
    NotShown,

    /** The manifest lacks the activity that opens it. */
    NotDeclared,

    /** It came back with another URL than the redirect URI of this login. */
    AnotherUrl,

    /** Anything else. */
    Other,
}

/** A clock that only runs, and goes on while the device sleeps. */
public fun interface Elapsed {
    /** Nanoseconds since some fixed point of this boot. */
    public fun nanoseconds(): Long

    /** The clocks there are. */
    public companion object {
        /** The JVM's own, which stands still while the machine sleeps; the wall clock is looked at as well for that. */
        public val SYSTEM: Elapsed = Elapsed { System.nanoTime() }
    }
}
