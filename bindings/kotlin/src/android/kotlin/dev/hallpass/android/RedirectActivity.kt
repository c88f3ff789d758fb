package dev.hallpass.android

import android.app.Activity
import android.os.Bundle

/**
 * Takes the redirect from the browser. The app's manifest gives it the intent filter of its redirect URI.
 *
 * Anybody can start it with anything: it reads nothing but the URL, shows nothing, and passes on what the login in progress
 * waits for. When none is (the process died while the browser was open), the session that the redirect belongs to finishes
 * the login. In either case [LoginActivity] comes back in front, which closes the browser's tab above it.
 */
public class RedirectActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val callback = intent?.dataString
        if (callback != null && savedInstanceState == null && Visits.arrived(callback)) startActivity(LoginActivity.returning(this))
        finish()
    }
}
