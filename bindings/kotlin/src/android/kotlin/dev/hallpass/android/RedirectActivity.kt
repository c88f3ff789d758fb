package dev.hallpass.android

import android.app.Activity
import android.os.Bundle

/**
 * Receives the redirect from the browser. The app's manifest gives it the intent filter of its redirect URI.
 *
 * Any app can start it with any content. It reads only the URL, shows nothing, and passes the URL to the login in progress. If
 * there is none (the process ended while the browser was open), the session that the redirect belongs to finishes the login.
 * In both cases [LoginActivity] returns to the front, which closes the browser's tab above it.
 */
public class RedirectActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val callback = intent?.dataString
        if (callback != null && savedInstanceState == null && Visits.arrived(callback)) startActivity(LoginActivity.returning(this))
        finish()
    }
}
