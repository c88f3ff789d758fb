package dev.hallpass.android

import android.app.Activity
import android.app.Application
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import android.content.pm.ActivityInfo
import android.content.pm.ApplicationInfo
import android.content.pm.ResolveInfo
import android.content.pm.ServiceInfo
import android.net.Uri
import android.os.Binder
import android.os.Bundle
import android.os.Looper
import android.os.Parcel
import dev.hallpass.ports.BrowserException
import dev.hallpass.ports.BrowserProblem
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The activities between the app and the browser. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class LoginFlowTest {
    private val context: Application = RuntimeEnvironment.getApplication()
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Unconfined)

    @Before
    fun installBrowser() = install(hasAuthTabs = false)

    @After
    fun forget() {
        Visits.late.value?.let(Visits::taken)
    }

    @Test
    fun `browser with Custom Tabs, opens the page, and the redirect answers the login`() {
        val (login, activity) = begin()
        val opened = shadowOf(context).nextStartedActivity
        assertEquals(Uri.parse(URL), opened.data)
        assertEquals(BROWSER, opened.`package`)
        assertTrue(opened.hasExtra("android.support.customtabs.extra.SESSION"))
        redirect("$REDIRECT?code=c&state=s1")
        assertEquals("$REDIRECT?code=c&state=s1", result(login))
        val back = shadowOf(context).nextStartedActivity
        assertEquals(ComponentName(context, LoginActivity::class.java), back.component)
        activity.newIntent(back)
        assertTrue(activity.get().isFinishing)
    }

    @Test
    fun `browser with Auth Tabs, hands the redirect back as a result`() {
        install(hasAuthTabs = true)
        val (login, activity) = begin()
        val opened = shadowOf(activity.get()).nextStartedActivityForResult
        assertTrue(opened.intent.getBooleanExtra("androidx.browser.auth.extra.LAUNCH_AUTH_TAB", false))
        assertEquals("com.example.app", opened.intent.getStringExtra("androidx.browser.auth.extra.REDIRECT_SCHEME"))
        val answer = Intent().setData(Uri.parse("$REDIRECT?code=c&state=s1"))
        shadowOf(activity.get()).receiveResult(opened.intent, Activity.RESULT_OK, answer)
        assertEquals("$REDIRECT?code=c&state=s1", result(login))
        assertTrue(activity.get().isFinishing)
    }

    @Test
    fun `tab closed, or not verified or not in time, is cancelled or failed`() {
        install(hasAuthTabs = true)
        val (closed, failed) = BrowserException.Cancelled::class to BrowserException.Failed::class
        for ((code, expected) in listOf(0 to closed, 2 to failed, 3 to failed)) {
            val (login, activity) = begin()
            val opened = shadowOf(activity.get()).nextStartedActivityForResult
            shadowOf(activity.get()).receiveResult(opened.intent, code, null)
            assertEquals("$code", expected, error(login)::class)
        }
    }

    @Test
    fun `options of the app, are those of the tab`() {
        install(hasAuthTabs = true, isEphemeral = true)
        val options = BrowserOptions(ephemeral = true, toolbarColor = 0xff112233.toInt(), navigationBarColor = 0xff445566.toInt())
        val (login, activity) = begin(browser = SystemBrowser(context, options))
        val opened = shadowOf(activity.get()).nextStartedActivityForResult.intent
        assertTrue(opened.getBooleanExtra("androidx.browser.customtabs.extra.ENABLE_EPHEMERAL_BROWSING", false))
        assertEquals(0xff112233.toInt(), opened.getIntExtra("android.support.customtabs.extra.TOOLBAR_COLOR", 0))
        assertEquals(0xff445566.toInt(), opened.getIntExtra("androidx.browser.customtabs.extra.NAVIGATION_BAR_COLOR", 0))
        login.cancel()

        install(hasAuthTabs = true)
        val (plain, tab) = begin()
        val extras = checkNotNull(shadowOf(tab.get()).nextStartedActivityForResult.intent.extras).keySet()
        assertTrue("$extras", extras.none { "COLOR" in it || "EPHEMERAL" in it })
        plain.cancel()
        val (none, _) = begin(browser = SystemBrowser(context, BrowserOptions(allowed = setOf("com.example.other"))))
        assertEquals(BrowserProblem.NoneAllowed, (error(none) as BrowserException.Failed).problem)
    }

    @Test
    fun `browser is warmed up, by its own service and for a while`() {
        val (calls, asked) = mutableListOf<Int>() to mutableListOf<Long>()
        val service = object : Binder() {
            override fun onTransact(code: Int, data: Parcel, reply: Parcel?, flags: Int): Boolean {
                data.enforceInterface("android.support.customtabs.ICustomTabsService")
                calls += code
                asked += data.readLong()
                return true
            }
        }
        val name = ComponentName(BROWSER, "Tabs")
        shadowOf(context).setComponentNameAndServiceForBindService(name, service)
        SystemBrowser(context, BrowserOptions(BrowserMode.Browser)).warmUp()
        SystemBrowser(context, BrowserOptions(allowed = setOf("com.example.other"))).warmUp()
        assertEquals(0, shadowOf(context).boundServiceConnections.size)
        SystemBrowser(context).warmUp()
        shadowOf(Looper.getMainLooper()).idle()
        assertEquals(listOf(2), calls)
        assertEquals(listOf(0L), asked)
        assertEquals(1, shadowOf(context).boundServiceConnections.size)
        shadowOf(Looper.getMainLooper()).idleFor(31, TimeUnit.SECONDS)
        assertEquals(0, shadowOf(context).boundServiceConnections.size)
    }

    @Test
    fun `user comes back without a redirect, the login is cancelled`() {
        val (login, activity) = begin()
        activity.pause().stop().restart().start().resume()
        assertEquals(BrowserException.Cancelled::class, error(login)::class)
        assertTrue(activity.get().isFinishing)
    }

    @Test
    fun `activity made anew under the browser, does not open it a second time`() {
        val (login, activity) = begin()
        assertNotNull(shadowOf(context).nextStartedActivity)
        val kept = Bundle()
        activity.pause().stop().saveInstanceState(kept).destroy()
        Robolectric.buildActivity(LoginActivity::class.java, activity.get().intent).create(kept)
        assertNull(shadowOf(context).nextStartedActivity)
        redirect("$REDIRECT?code=c&state=s1")
        assertEquals("$REDIRECT?code=c&state=s1", result(login))
    }

    @Test
    fun `hostile intents, change nothing and the login goes on`() {
        val (login, _) = begin()
        val strange = listOf(
            Intent(), Intent().setData(Uri.parse("$REDIRECT?code=evil&state=other")), Intent().setData(Uri.parse("file:///data/data/x")),
            Intent().setData(Uri.parse("$REDIRECT?" + "a".repeat(100_000))), Intent().setData(Uri.parse("")),
            Intent().putExtra("visit", "anything").putExtra("url", "https://evil.example"),
        )
        for (intent in strange) {
            val redirect = Robolectric.buildActivity(RedirectActivity::class.java, intent).create()
            assertTrue(redirect.get().isFinishing)
            assertFalse("$intent", login.isCompleted)
        }
        redirect("$REDIRECT?code=c&state=s1")
        assertEquals("$REDIRECT?code=c&state=s1", result(login))
    }

    @Test
    fun `process died while the browser was open, the redirect is kept and the app is opened`() {
        assertNull(Visits.late.value)
        redirect("$REDIRECT?code=c&state=s1")
        assertEquals("$REDIRECT?code=c&state=s1", Visits.late.value)
        Visits.taken("$REDIRECT?code=other")
        assertNotNull(Visits.late.value)
        Visits.taken("$REDIRECT?code=c&state=s1")
        assertNull(Visits.late.value)
    }

    @Test
    fun `login activity found again by a new process, ends itself`() {
        val old = LoginActivity.intent(context, Visit(URL, REDIRECT))
        val activity = Robolectric.buildActivity(LoginActivity::class.java, old).setup()
        assertTrue(activity.get().isFinishing)
    }

    @Test
    fun `App Link that an Auth Tab cannot verify, the page opens in a Custom Tab, once`() {
        install(hasAuthTabs = true)
        for (code in listOf(2, 3)) {
            val (login, activity) = begin("https://app.example/callback")
            val tab = shadowOf(activity.get()).nextStartedActivityForResult
            assertEquals("app.example", tab.intent.getStringExtra("androidx.browser.auth.extra.HTTPS_REDIRECT_HOST"))
            shadowOf(context).clearNextStartedActivities()
            // The framework's order: the result, and then the activity is in front.
            activity.pause()
            shadowOf(activity.get()).receiveResult(tab.intent, code, null)
            activity.resume()
            val opened = shadowOf(context).nextStartedActivity
            assertFalse(opened.hasExtra("androidx.browser.auth.extra.LAUNCH_AUTH_TAB"))
            assertTrue(opened.hasExtra("android.support.customtabs.extra.SESSION"))
            assertFalse(login.isCompleted)
            activity.pause().resume()
            assertEquals(BrowserException.Cancelled::class, error(login)::class)
        }
    }

    @Test
    fun `Auth Tab that brings another URL, the login has failed`() {
        install(hasAuthTabs = true)
        val (login, activity) = begin()
        val tab = shadowOf(activity.get()).nextStartedActivityForResult
        shadowOf(activity.get()).receiveResult(tab.intent, Activity.RESULT_OK, Intent().setData(Uri.parse("$REDIRECT?code=c&state=other")))
        assertEquals(BrowserProblem.AnotherUrl, (error(login) as BrowserException.Failed).problem)
        assertTrue(activity.get().isFinishing)
    }

    @Test
    fun `second login over an Auth Tab, ends the first and opens its own page`() {
        install(hasAuthTabs = true)
        val (first, activity) = begin()
        val tab = shadowOf(activity.get()).nextStartedActivityForResult
        shadowOf(context).clearNextStartedActivities()
        val second = scope.async { SystemBrowser(context).open("$URL&second=1", REDIRECT) }
        val intent = shadowOf(context).nextStartedActivity
        assertEquals(BrowserException.Cancelled::class, error(first)::class)
        // The framework's order for FLAG_ACTIVITY_CLEAR_TOP: the tab's result, the new intent, and then the activity is in front.
        activity.pause()
        shadowOf(activity.get()).receiveResult(tab.intent, Activity.RESULT_CANCELED, null)
        activity.newIntent(intent).resume()
        assertFalse(activity.get().isFinishing)
        val opened = shadowOf(activity.get()).nextStartedActivityForResult
        assertEquals(Uri.parse("$URL&second=1"), opened.intent.data)
        shadowOf(activity.get()).receiveResult(opened.intent, Activity.RESULT_OK, Intent().setData(Uri.parse("$REDIRECT?code=c&state=s1")))
        assertEquals("$REDIRECT?code=c&state=s1", result(second))
    }

    @Test
    fun `task taken away above the app, as by CLEAR_TASK or a tap on a singleTask app's icon, the login is cancelled`() {
        val (login, activity) = begin()
        activity.pause().stop()
        activity.get().finish()
        activity.destroy()
        assertEquals(BrowserException.Cancelled::class, error(login)::class)
    }

    @Test
    fun `activity that never comes up, as for an app in the background, the login has failed`() {
        val login = scope.async { SystemBrowser(context, BrowserOptions(), 1.milliseconds).open(URL, REDIRECT) }
        assertEquals(BrowserProblem.NotShown, (error(login) as BrowserException.Failed).problem)
        assertNull(Visits.find(LoginActivity.intent(context, Visit(URL, REDIRECT)).getStringExtra("visit")))
    }

    @Test
    fun `redirect with characters that are no URL's, answers the login`() {
        for (extra in listOf("a|b", "{x}", "a b", "^")) {
            val (login, _) = begin(url = "https://issuer.example/authorize?hint=$extra&state=s1")
            redirect("$REDIRECT?code=evil&state=other&session=$extra")
            assertFalse(extra, login.isCompleted)
            redirect("$REDIRECT?session=$extra&code=c&state=s1")
            assertEquals("$REDIRECT?session=$extra&code=c&state=s1", result(login))
        }
    }

    @Test
    fun `caller cancelled, the activity comes in front of the tab and ends`() {
        val (login, activity) = begin()
        shadowOf(context).clearNextStartedActivities()
        login.cancel()
        shadowOf(Looper.getMainLooper()).idle()
        val back = shadowOf(context).nextStartedActivity
        assertEquals(ComponentName(context, LoginActivity::class.java), back.component)
        assertTrue(back.flags and Intent.FLAG_ACTIVITY_CLEAR_TOP != 0)
        activity.newIntent(back)
        assertTrue(activity.get().isFinishing)
    }

    @Test
    fun `app without a task affinity, the redirect finds the activity in its own task`() {
        begin()
        shadowOf(context).clearNextStartedActivities()
        redirect("$REDIRECT?code=c&state=s1")
        assertTrue(shadowOf(context).nextStartedActivity.flags and Intent.FLAG_ACTIVITY_NEW_TASK != 0)
    }

    /** Begins a login, and starts the activity that it asks for. */
    private fun begin(
        redirectUri: String = REDIRECT,
        url: String = URL,
        browser: SystemBrowser = SystemBrowser(context),
    ): Pair<Deferred<String>, ActivityController<LoginActivity>> {
        shadowOf(context).clearNextStartedActivities()
        val login = scope.async { browser.open(url, redirectUri) }
        val intent = shadowOf(context).nextStartedActivity
        return login to Robolectric.buildActivity(LoginActivity::class.java, intent).setup()
    }

    private fun redirect(url: String) {
        Robolectric.buildActivity(RedirectActivity::class.java, Intent(Intent.ACTION_VIEW, Uri.parse(url))).create()
    }

    private fun result(login: Deferred<String>): String = runBlocking { withTimeout(5.seconds) { login.await() } }

    private fun error(login: Deferred<String>): BrowserException = runBlocking {
        withTimeout(5.seconds) { failure<BrowserException> { login.await() } }
    }

    // What replaces it wants an installed package for each filter.
    @Suppress("DEPRECATION")
    private fun install(hasAuthTabs: Boolean, isEphemeral: Boolean = false) {
        val packages = shadowOf(context.packageManager)
        val page = Intent(Intent.ACTION_VIEW, Uri.parse("http://www.example.com/")).addCategory(Intent.CATEGORY_BROWSABLE)
        val tabs = Intent("android.support.customtabs.action.CustomTabsService")
        val browser = ApplicationInfo().apply { packageName = BROWSER }
        packages.addResolveInfoForIntent(page, ResolveInfo().apply {
            activityInfo = ActivityInfo().apply { packageName = BROWSER; name = "Browser"; applicationInfo = browser }
            filter = IntentFilter(Intent.ACTION_VIEW)
        })
        packages.removeResolveInfosForIntent(tabs, BROWSER)
        packages.addResolveInfoForIntent(tabs, ResolveInfo().apply {
            serviceInfo = ServiceInfo().apply { packageName = BROWSER; name = "Tabs"; applicationInfo = browser }
            filter = IntentFilter("x").apply {
                if (hasAuthTabs) addCategory("androidx.browser.auth.category.AuthTab")
                if (isEphemeral) addCategory("androidx.browser.customtabs.category.EphemeralBrowsing")
            }
        })
    }

    private companion object {
        const val BROWSER = "com.example.browser"
        const val REDIRECT = "com.example.app:/callback"
        const val URL = "https://issuer.example/authorize?client_id=c&state=s1"
    }
}
