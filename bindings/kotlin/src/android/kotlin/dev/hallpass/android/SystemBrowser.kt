package dev.hallpass.android

import android.content.ActivityNotFoundException
import android.content.Context
import dev.hallpass.ports.Browser
import dev.hallpass.ports.BrowserException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The user's browser: as an Auth Tab where it has one, else as a Custom Tab, else as it is (see [BrowserChoice]). The
 * redirect comes back through the Auth Tab, or through [RedirectActivity].
 *
 * Going back and closing the tab are [BrowserException.Cancelled]. An app in the background may not open a browser: Android
 * ignores it, which is [BrowserException.Failed] after some seconds.
 */
public class SystemBrowser internal constructor(private val context: Context, private val startLimit: Duration) : Browser {
    /** Opens the user's browser from [context]: any; the application's is kept. */
    public constructor(context: Context) : this(context.applicationContext ?: context, START_LIMIT)

    override suspend fun open(url: String, redirectUri: String): String {
        val visit = Visits.begin(url, redirectUri)
        try {
            context.startActivity(LoginActivity.intent(context, visit))
            withTimeoutOrNull(startLimit) { visit.awaitBeginning() }
                ?: throw BrowserException.Failed("Android did not open the browser: the app is in the background")
            return visit.await()
        } catch (missing: ActivityNotFoundException) {
            throw BrowserException.Failed("LoginActivity is not in the manifest", missing)
        } catch (cancelled: CancellationException) {
            visit.close()
            throw cancelled
        } finally {
            Visits.forget(visit)
        }
    }

    private companion object {
        /** A cold start on a slow device, with room to spare. */
        val START_LIMIT = 20.seconds
    }
}
