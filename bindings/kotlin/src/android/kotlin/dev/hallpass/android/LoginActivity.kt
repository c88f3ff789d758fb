package dev.hallpass.android

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.os.Bundle
import dev.hallpass.ports.BrowserException
import java.lang.ref.WeakReference

/**
 * Stands below the browser for as long as the user signs in, and shows nothing: it opens the browser, and when it is in
 * front again without a redirect, the user has come back without signing in. Not exported.
 */
public class LoginActivity : Activity() {
    private var isOpened = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        isOpened = savedInstanceState?.getBoolean(OPENED) ?: false
        visit()?.activity = WeakReference(this)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        if (intent.hasExtra(VISIT)) {
            // Another login, in place of the one whose tab was open.
            setIntent(intent)
            isOpened = false
            visit()?.activity = WeakReference(this)
        } else {
            finish()
        }
    }

    override fun onResume() {
        super.onResume()
        if (isFinishing) return
        val visit = visit()
        when {
            // The process that asked for it is gone; the redirect will be taken by the next one (see Visits.late).
            visit == null -> finish()
            isOpened -> end(visit, BrowserException.Cancelled())
            else -> open(visit)
        }
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(OPENED, isOpened)
    }

    @Deprecated("The one that replaces it is AndroidX's.")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        if (requestCode != AUTH_TAB) return
        val callback = data?.dataString
        val visit = visit()
        when {
            callback != null && resultCode == RESULT_OK -> {
                Visits.arrived(callback)
                finish()
            }
            visit == null -> finish()
            resultCode == AUTH_TAB_UNVERIFIED ->
                end(visit, BrowserException.Failed("the browser could not verify that the redirect URI is this app's"))
            // Closed, or waited too long. A browser that only pretends to have Auth Tabs comes here at once, too.
            else -> end(visit, BrowserException.Cancelled())
        }
    }

    private fun open(visit: Visit) {
        isOpened = true
        val choice = BrowserChoice.among(InstalledBrowsers.of(this), visit.redirectUri)
        try {
            when (choice) {
                is BrowserChoice.AuthTab -> startActivityForResult(choice.intent(visit), AUTH_TAB)
                is BrowserChoice.CustomTab -> startActivity(choice.intent(visit))
                is BrowserChoice.Plain -> startActivity(choice.intent(visit))
                is BrowserChoice.None -> end(visit, BrowserException.Failed(choice.why))
            }
        } catch (gone: ActivityNotFoundException) {
            end(visit, BrowserException.Failed("the browser could not be opened", gone))
        }
    }

    private fun end(visit: Visit, why: BrowserException) {
        visit.end(why)
        finish()
    }

    private fun visit(): Visit? = Visits.find(intent.getStringExtra(VISIT))

    internal companion object {
        private const val OPENED = "opened"
        private const val VISIT = "visit"
        private const val AUTH_TAB = 1
        private const val AUTH_TAB_UNVERIFIED = 2

        fun intent(context: Context, visit: Visit): Intent =
            Intent(context, LoginActivity::class.java).putExtra(VISIT, visit.id)
                .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP)

        /** Brings the activity back in front of the browser's tab, which closes it. Its visit is over, so it ends itself. */
        fun returning(context: Context): Intent = Intent(context, LoginActivity::class.java)
            .addFlags(Intent.FLAG_ACTIVITY_CLEAR_TOP or Intent.FLAG_ACTIVITY_SINGLE_TOP)
    }
}
