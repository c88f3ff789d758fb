package dev.hallpass.android

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.os.Bundle
import dev.hallpass.ports.BrowserException
import dev.hallpass.ports.BrowserProblem

/**
 * Stands below the browser for as long as the user signs in, and shows nothing: it opens the browser, and when it is in
 * front again without a redirect, the user has come back without signing in. When it is destroyed for good, for whatever
 * reason, the visit is over as well. Not exported.
 */
public class LoginActivity : Activity() {
    private var isOpened = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        isOpened = savedInstanceState?.getBoolean(OPENED) ?: false
        visit()?.showIn(this)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        if (intent.hasExtra(VISIT)) {
            // Another login, in place of the one whose tab was open.
            setIntent(intent)
            isOpened = false
            visit()?.showIn(this)
        } else {
            leave()
        }
    }

    override fun onResume() {
        super.onResume()
        if (isFinishing) return
        val visit = visit()
        when {
            // The process that asked for it is gone, and the redirect is taken by the next one (see Visits.late); or this is a
            // redirect that came without a login.
            visit == null -> leave()
            isOpened -> end(visit, BrowserException.Cancelled())
            else -> open(visit)
        }
    }

    override fun onDestroy() {
        // The user closed the task, or the app's main activity took everything above it away.
        if (isFinishing) visit()?.end(BrowserException.Cancelled())
        super.onDestroy()
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
                if (!Visits.arrived(callback) && visit != null) {
                    val why = "the browser came back with another URL than the redirect URI of this login"
                    visit.end(BrowserException.Failed(why, problem = BrowserProblem.AnotherUrl))
                }
                leave()
            }
            // The tab of a login that another one has taken the place of: the intent of that one comes next, and then onResume.
            visit == null -> Unit
            resultCode == AUTH_TAB_UNVERIFIED || resultCode == AUTH_TAB_UNVERIFIED_IN_TIME -> withoutAuthTab(visit)
            // Closed. A browser that only pretends to have Auth Tabs comes here at once, too.
            else -> end(visit, BrowserException.Cancelled())
        }
    }

    /**
     * Closes the browser's tab and this activity. May be called from any thread.
     *
     * The tab is above this activity, in the same task or for its result, so that finishing this one alone would leave it.
     */
    internal fun close() = runOnUiThread {
        if (!isFinishing && !isDestroyed) {
            finishActivity(AUTH_TAB)
            startActivity(returning(this))
        }
    }

    /** The browser cannot tell that an App Link is this app's, and says so before it shows anything; a Custom Tab needs no such proof. */
    private fun withoutAuthTab(visit: Visit) {
        if (visit.isAppLink && visit.mayUseAuthTab) {
            visit.mayUseAuthTab = false
            // onResume comes next.
            isOpened = false
        } else {
            end(visit, BrowserException.Failed("the browser could not verify that the redirect URI is this app's"))
        }
    }

    private fun open(visit: Visit) {
        isOpened = true
        val installed = InstalledBrowsers.of(this).map { it.copy(hasAuthTabs = it.hasAuthTabs && visit.mayUseAuthTab) }
        val choice = BrowserChoice.among(installed, visit.redirectUri, visit.options)
        try {
            when (choice) {
                is BrowserChoice.AuthTab -> startActivityForResult(choice.intent(visit), AUTH_TAB)
                is BrowserChoice.CustomTab -> startActivity(choice.intent(visit))
                is BrowserChoice.Plain -> startActivity(choice.intent(visit))
                is BrowserChoice.None -> end(visit, BrowserException.Failed(choice.why, problem = choice.problem))
            }
        } catch (gone: ActivityNotFoundException) {
            end(visit, BrowserException.Failed("the browser could not be opened", gone))
        }
    }

    private fun end(visit: Visit, why: BrowserException) {
        visit.end(why)
        leave()
    }

    /** Back to the app: what is below this activity or, where nothing is, the app as its icon opens it. */
    private fun leave() {
        if (isFinishing) return
        if (isTaskRoot) launcher()?.let { startActivity(it) }
        finish()
    }

    /** Without the package, as launchers send it: then a task of the app that is there comes to the front as it is. */
    private fun launcher(): Intent? = packageManager.getLaunchIntentForPackage(packageName)?.setPackage(null)

    private fun visit(): Visit? = Visits.find(intent.getStringExtra(VISIT))

    internal companion object {
        private const val OPENED = "opened"
        private const val VISIT = "visit"
        private const val AUTH_TAB = 1

        // AndroidX's AuthTabIntent.RESULT_VERIFICATION_FAILED and RESULT_VERIFICATION_TIMED_OUT.
        private const val AUTH_TAB_UNVERIFIED = 2
        private const val AUTH_TAB_UNVERIFIED_IN_TIME = 3

        fun intent(context: Context, visit: Visit): Intent =
            Intent(context, LoginActivity::class.java).putExtra(VISIT, visit.id)
                .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP)

        /**
         * Brings the activity back in front of the browser's tab, which closes it. Its visit is over, so it ends itself. As a new
         * task, because an app without a task affinity has this activity in a task of its own.
         */
        fun returning(context: Context): Intent = Intent(context, LoginActivity::class.java)
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP or Intent.FLAG_ACTIVITY_SINGLE_TOP)
    }
}
