package dev.hallpass.android

import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.content.pm.ResolveInfo
import android.net.Uri

/** The browsers of this device. The app's manifest has to ask for them in `<queries>`; this library's does. */
internal object InstalledBrowsers {
    fun of(context: Context): List<InstalledBrowser> {
        val packages = context.packageManager
        val page = Intent(Intent.ACTION_VIEW, Uri.parse("http://www.example.com/")).addCategory(Intent.CATEGORY_BROWSABLE)
        val preferred = packages.resolveActivity(page, PackageManager.MATCH_DEFAULT_ONLY)?.activityInfo?.packageName
        val tabs = packages.queryIntentServices(Intent(ACTION_CUSTOM_TABS), PackageManager.GET_RESOLVED_FILTER)
        return packages.queryIntentActivities(page, PackageManager.MATCH_ALL or PackageManager.GET_RESOLVED_FILTER)
            .filter { it.opensAnyPage() }
            .mapNotNull { it.activityInfo?.packageName }
            .distinct()
            .map { name ->
                val service = tabs.firstOrNull { it.serviceInfo?.packageName == name }
                InstalledBrowser(
                    packageName = name,
                    isPreferred = name == preferred,
                    hasCustomTabs = service != null,
                    hasAuthTabs = service?.filter?.hasCategory(CATEGORY_AUTH_TAB) == true,
                    isEphemeral = service?.filter?.hasCategory(CATEGORY_EPHEMERAL) == true,
                )
            }
    }

    /** An app that opens links to one host is no browser. */
    private fun ResolveInfo.opensAnyPage(): Boolean = filter?.let { it.countDataAuthorities() == 0 } ?: true

    const val ACTION_CUSTOM_TABS = "android.support.customtabs.action.CustomTabsService"
    private const val CATEGORY_EPHEMERAL = "androidx.browser.customtabs.category.EphemeralBrowsing"
    private const val CATEGORY_AUTH_TAB = "androidx.browser.auth.category.AuthTab"
}
