package dev.hallpass.android

import android.content.ActivityNotFoundException
import android.content.Context
import dev.hallpass.ports.Browser
import dev.hallpass.ports.BrowserException
import kotlinx.coroutines.CancellationException

/**
 * The user's browser: as an Auth Tab where it has one, else as a Custom Tab, else as it is (see [BrowserChoice]). The
 * redirect comes back through the Auth Tab, or through [RedirectActivity].
 *
 * Going back, closing the tab and a time-out of the Auth Tab are [BrowserException.Cancelled].
 */
public class SystemBrowser(context: Context) : Browser {
    private val context: Context = context.applicationContext ?: context

    override suspend fun open(url: String, redirectUri: String): String {
        val visit = Visits.begin(url, redirectUri)
        try {
            context.startActivity(LoginActivity.intent(context, visit))
            return visit.await()
        } catch (missing: ActivityNotFoundException) {
            throw BrowserException.Failed("LoginActivity is not in the manifest", missing)
        } catch (cancelled: CancellationException) {
            // Brings the app back in front of the tab, which closes it.
            visit.activity.get()?.finish()
            throw cancelled
        } finally {
            Visits.forget(visit)
        }
    }
}
