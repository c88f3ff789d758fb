package dev.hallpass.android

import android.content.Intent
import android.net.Uri
import android.os.Bundle
import dev.hallpass.ports.BrowserProblem
import java.net.URI

/** How the authorization page is opened. */
internal sealed interface BrowserChoice {
    /** In an Auth Tab, which hands the redirect back itself and shows no other page's links. */
    data class AuthTab(val browser: String) : BrowserChoice {
        fun intent(visit: Visit): Intent = customTab(visit, browser).putExtra(EXTRA_AUTH_TAB, true).also { intent ->
            val redirect = URI(visit.redirectUri)
            if (redirect.scheme == "https") {
                intent.putExtra(EXTRA_HTTPS_HOST, redirect.host).putExtra(EXTRA_HTTPS_PATH, redirect.path)
            } else {
                intent.putExtra(EXTRA_SCHEME, redirect.scheme)
            }
        }
    }

    /** In a Custom Tab; the redirect comes through [RedirectActivity]. */
    data class CustomTab(val browser: String) : BrowserChoice {
        fun intent(visit: Visit): Intent = customTab(visit, browser)
    }

    /** In the browser itself; the redirect comes through [RedirectActivity]. */
    data class Plain(val browser: String) : BrowserChoice {
        fun intent(visit: Visit): Intent = view(visit).setPackage(browser)
    }

    /** In none, because of [problem]; [why] is for a developer. */
    data class None(val problem: BrowserProblem, val why: String) : BrowserChoice

    companion object {
        /**
         * Chooses among [installed], the user's own choice first: an Auth Tab before a Custom Tab before the browser
         * itself. With an App Link as the redirect URI, browsers that are known to show such a link as a page, instead of
         * returning to the app, are left out; with a custom scheme they serve. What [options] rule out is left out too.
         */
        fun among(installed: List<InstalledBrowser>, redirectUri: String, options: BrowserOptions = BrowserOptions()): BrowserChoice {
            if (installed.isEmpty()) {
                return None(BrowserProblem.NoBrowser, "no browser is installed, or the manifest does not ask for them in <queries>")
            }
            val names = { of: List<InstalledBrowser> -> of.joinToString { it.packageName } }
            val allowed = installed.filter { options.allowed == null || it.packageName in options.allowed }.map { it.within(options.mode) }
            if (allowed.isEmpty()) return None(BrowserProblem.NoneAllowed, "none of the allowed browsers is installed, but ${names(installed)}")
            val fitting = allowed.filter { !options.ephemeral || (it.isEphemeral && (it.hasAuthTabs || it.hasCustomTabs)) }
            if (fitting.isEmpty()) return None(BrowserProblem.NoneEphemeral, "no tab without cookies: ${names(allowed)}")
            val isAppLink = redirectUri.startsWith("https:")
            val usable = fitting.filter { !isAppLink || it.hasAuthTabs || !it.keepsAppLinks() }.sortedByDescending { it.isPreferred }
            val authTab = usable.firstOrNull { it.hasAuthTabs }
            val customTab = usable.firstOrNull { it.hasCustomTabs }
            val first = usable.firstOrNull()
            return when {
                first == null -> None(
                    BrowserProblem.KeepsAppLinks,
                    "the installed browsers do not return to an app through App Links: ${names(fitting)}; " +
                        "use a custom scheme as the redirect URI",
                )
                authTab != null && authTab.isPreferred == first.isPreferred -> AuthTab(authTab.packageName)
                customTab != null && customTab.isPreferred == first.isPreferred -> CustomTab(customTab.packageName)
                else -> Plain(first.packageName)
            }
        }
    }
}

/**
 * A browser on this device.
 *
 * @property isPreferred whether it is the one that the user has chosen for the web
 * @property isEphemeral whether its tabs can do without keeping cookies
 */
internal data class InstalledBrowser(
    val packageName: String,
    val isPreferred: Boolean,
    val hasCustomTabs: Boolean,
    val hasAuthTabs: Boolean,
    val isEphemeral: Boolean = false,
) {
    /** Without what [mode] does not use. */
    fun within(mode: BrowserMode): InstalledBrowser = when (mode) {
        BrowserMode.AuthTab -> this
        BrowserMode.CustomTab -> copy(hasAuthTabs = false)
        BrowserMode.Browser -> copy(hasAuthTabs = false, hasCustomTabs = false)
    }

    /** Firefox and its relatives open an App Link as a page unless the user says otherwise. */
    fun keepsAppLinks(): Boolean = KEEPING_APP_LINKS.any { packageName == it || packageName.startsWith("$it.") || packageName.startsWith("${it}_") }

    private companion object {
        val KEEPING_APP_LINKS = listOf("org.mozilla", "us.spotco.fennec_dos", "io.github.forkmaintainers.iceraven")
    }
}

private fun view(visit: Visit): Intent = Intent(Intent.ACTION_VIEW, Uri.parse(visit.url)).addCategory(Intent.CATEGORY_BROWSABLE)

/** The extra says that it is a tab, also without a session: the value is a binder that is not there. */
private fun customTab(visit: Visit, browser: String): Intent =
    view(visit).setPackage(browser).putExtras(Bundle().apply { putBinder(EXTRA_SESSION, null) }).apply {
        val options = visit.options
        if (options.ephemeral) putExtra(EXTRA_EPHEMERAL, true)
        // The present ones count whatever the scheme, so that no scheme has to be asked for.
        options.toolbarColor?.let { putExtra(EXTRA_TOOLBAR_COLOR, it) }
        options.navigationBarColor?.let { putExtra(EXTRA_NAVIGATION_BAR_COLOR, it) }
    }

private const val EXTRA_SESSION = "android.support.customtabs.extra.SESSION"
private const val EXTRA_EPHEMERAL = "androidx.browser.customtabs.extra.ENABLE_EPHEMERAL_BROWSING"
private const val EXTRA_TOOLBAR_COLOR = "android.support.customtabs.extra.TOOLBAR_COLOR"
private const val EXTRA_NAVIGATION_BAR_COLOR = "androidx.browser.customtabs.extra.NAVIGATION_BAR_COLOR"
private const val EXTRA_AUTH_TAB = "androidx.browser.auth.extra.LAUNCH_AUTH_TAB"
private const val EXTRA_SCHEME = "androidx.browser.auth.extra.REDIRECT_SCHEME"
private const val EXTRA_HTTPS_HOST = "androidx.browser.auth.extra.HTTPS_REDIRECT_HOST"
private const val EXTRA_HTTPS_PATH = "androidx.browser.auth.extra.HTTPS_REDIRECT_PATH"
