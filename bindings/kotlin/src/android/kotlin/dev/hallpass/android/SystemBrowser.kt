package dev.hallpass.android

import android.content.ActivityNotFoundException
import android.content.Context
import dev.hallpass.ports.Browser
import dev.hallpass.ports.BrowserException
import dev.hallpass.ports.BrowserProblem
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The user's browser: as an Auth Tab if it has one, else as a Custom Tab, else the browser itself, as [BrowserOptions] allow. The
 * redirect arrives through the Auth Tab, or through [RedirectActivity].
 *
 * Going back and closing the tab are [BrowserException.Cancelled]. An app in the background may not open a browser: Android
 * ignores it, which is [BrowserException.Failed] after some seconds.
 */
public class SystemBrowser internal constructor(
    private val context: Context,
    private val options: BrowserOptions,
    private val startLimit: Duration,
) : Browser {
    /**
     * Opens the user's browser.
     *
     * @param context any; the application's is kept
     * @param options which browsers may be used, and how their tab looks
     */
    @JvmOverloads
    public constructor(context: Context, options: BrowserOptions = BrowserOptions()) :
        this(context.applicationContext ?: context, options, START_LIMIT)

    override suspend fun open(url: String, redirectUri: String): String {
        val visit = Visits.begin(url, redirectUri, options)
        try {
            context.startActivity(LoginActivity.intent(context, visit))
            withTimeoutOrNull(startLimit) { visit.awaitBeginning() }
                ?: throw failed("Android did not open the browser: the app is in the background", BrowserProblem.NotShown)
            return visit.await()
        } catch (missing: ActivityNotFoundException) {
            throw failed("LoginActivity is not in the manifest", BrowserProblem.NotDeclared, missing)
        } catch (cancelled: CancellationException) {
            visit.close()
            throw cancelled
        } finally {
            Visits.forget(visit)
        }
    }

    /**
     * Starts the browser's process, so that its tab opens sooner. Call it when a login becomes likely, such as when the app shows
     * its first screen and no user is signed in; not while a user is signed in, because it costs a process. Does nothing if the
     * browser has no tabs.
     */
    public fun warmUp() {
        val installed = InstalledBrowsers.of(context).filter { options.allowed == null || it.packageName in options.allowed }
        val browser = installed.filter { it.within(options.mode).hasCustomTabs }.maxByOrNull { it.isPreferred } ?: return
        BrowserWarmth(context).keep(browser.packageName)
    }

    private fun failed(why: String, problem: BrowserProblem, cause: Throwable? = null) = BrowserException.Failed(why, cause, problem)

    private companion object {
        /** A cold start on a slow device, with room to spare. */
        val START_LIMIT = 20.seconds
    }
}
