package dev.hallpass.android

import dev.hallpass.ports.BrowserException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import java.lang.ref.WeakReference

/**
 * The visit to the browser that this process waits for, and the redirect that came when none did. There is one browser, so
 * there is one visit: a second login takes the first one's place, as it does in the core.
 */
internal object Visits {
    private val lateCallback = MutableStateFlow<String?>(null)

    @Volatile
    private var current: Visit? = null

    /** A redirect that no visit waited for. */
    val late: StateFlow<String?> = lateCallback

    /** Whether somebody waits for a redirect. */
    val isWaiting: Boolean get() = current != null

    fun begin(url: String, redirectUri: String, options: BrowserOptions): Visit {
        val visit = Visit(url, redirectUri, options)
        synchronized(this) { current.also { current = visit } }?.end(BrowserException.Cancelled())
        return visit
    }

    /** The visit that is waited for, if it is the one called [id]. */
    fun find(id: String?): Visit? = current?.takeIf { it.id == id }

    /** Hands over a redirect. One that does not belong to the visit is nobody's and changes nothing. */
    fun arrived(callback: String): Boolean {
        if (callback.length > MOST_CHARACTERS) return false
        val visit = current
        if (visit == null) {
            lateCallback.value = callback
            return true
        }
        return visit.arrived(callback)
    }

    /** The late redirect was used. */
    fun taken(callback: String) {
        lateCallback.compareAndSet(callback, null)
    }

    fun forget(visit: Visit) {
        synchronized(this) { if (current === visit) current = null }
    }

    /** Longer than any authorization response. */
    private const val MOST_CHARACTERS = 64 * 1024
}

/** One visit, from the authorization page to its redirect. */
internal class Visit(val url: String, val redirectUri: String, val options: BrowserOptions = BrowserOptions()) {
    /** Told to the activity, which may outlive this process. */
    val id: String = java.util.UUID.randomUUID().toString()
    private val redirect = Redirect(url, redirectUri)
    private val callback = CompletableDeferred<String>()
    private val begun = CompletableDeferred<Unit>()

    /** Whether the redirect URI is an App Link, which browsers want proof for. */
    val isAppLink: Boolean = redirectUri.startsWith("https:")

    /** Whether an Auth Tab serves: until a browser has refused to show one. */
    @Volatile
    var mayUseAuthTab = true

    @Volatile
    private var activity: WeakReference<LoginActivity> = WeakReference(null)

    fun showIn(activity: LoginActivity) {
        this.activity = WeakReference(activity)
        begun.complete(Unit)
    }

    /** Waits until an activity shows it, or until it is over. */
    suspend fun awaitBeginning() = begun.await()

    suspend fun await(): String = callback.await()

    fun arrived(callback: String): Boolean = redirect.isAnsweredBy(callback) && this.callback.complete(callback).also { begun.complete(Unit) }

    fun end(why: BrowserException) {
        callback.completeExceptionally(why)
        begun.complete(Unit)
    }

    /** Closes what shows it. */
    fun close() {
        activity.get()?.close()
    }
}
