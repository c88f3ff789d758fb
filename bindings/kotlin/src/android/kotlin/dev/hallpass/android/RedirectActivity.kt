package dev.hallpass.android

import android.app.Activity
import android.content.Intent
import android.os.Bundle

/**
 * Takes the redirect from the browser. The app's manifest gives it the intent filter of its redirect URI.
 *
 * Anybody can start it with anything: it reads nothing but the URL, shows nothing, and passes on what the login in progress
 * waits for. When none is (the process died while the browser was open), the app is opened, and the session that the
 * redirect belongs to finishes the login.
 */
public class RedirectActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val callback = intent?.dataString
        if (callback != null && savedInstanceState == null) passOn(callback)
        finish()
    }

    private fun passOn(callback: String) {
        val isWaitedFor = Visits.isWaiting
        if (!Visits.arrived(callback)) return
        // The activity below the browser's tab comes back in front, which closes the tab.
        val next = if (isWaitedFor) LoginActivity.returning(this) else app()
        if (next != null) startActivity(next)
    }

    /** The app as its icon opens it. */
    private fun app(): Intent? = packageManager.getLaunchIntentForPackage(packageName)
}
