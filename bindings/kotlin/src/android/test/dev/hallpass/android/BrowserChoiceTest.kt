package dev.hallpass.android

import dev.hallpass.ports.BrowserProblem
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class BrowserChoiceTest {
    private val chrome = InstalledBrowser("com.android.chrome", isPreferred = true, hasCustomTabs = true, hasAuthTabs = true)
    private val old = InstalledBrowser("com.example.old", isPreferred = false, hasCustomTabs = true, hasAuthTabs = false)
    private val firefox = InstalledBrowser("org.mozilla.firefox", isPreferred = true, hasCustomTabs = true, hasAuthTabs = false)
    private val simple = InstalledBrowser("com.example.simple", isPreferred = true, hasCustomTabs = false, hasAuthTabs = false)

    @Test
    fun `browser that the user chose has Auth Tabs, it is an Auth Tab`() {
        assertEquals(BrowserChoice.AuthTab("com.android.chrome"), BrowserChoice.among(listOf(old, chrome), APP_LINK))
    }

    @Test
    fun `browser that the user chose has Custom Tabs only, another's Auth Tab is not taken instead`() {
        val choice = BrowserChoice.among(listOf(chrome.copy(isPreferred = false), old.copy(isPreferred = true)), SCHEME)
        assertEquals(BrowserChoice.CustomTab("com.example.old"), choice)
    }

    @Test
    fun `browser that the user chose has no tabs, it is opened itself`() {
        assertEquals(BrowserChoice.Plain("com.example.simple"), BrowserChoice.among(listOf(old, simple), SCHEME))
    }

    @Test
    fun `Firefox with an App Link, another browser is taken, and with a custom scheme it serves`() {
        assertEquals(BrowserChoice.CustomTab("com.example.old"), BrowserChoice.among(listOf(firefox, old), APP_LINK))
        assertEquals(BrowserChoice.CustomTab("org.mozilla.firefox"), BrowserChoice.among(listOf(firefox, old), SCHEME))
    }

    @Test
    fun `only Firefox with an App Link, the reason says what to do`() {
        val choice = BrowserChoice.among(listOf(firefox), APP_LINK) as BrowserChoice.None
        assertEquals(BrowserProblem.KeepsAppLinks, choice.problem)
        assertTrue(choice.why, "org.mozilla.firefox" in choice.why && "custom scheme" in choice.why)
        assertTrue("<queries>" in (BrowserChoice.among(emptyList(), SCHEME) as BrowserChoice.None).why)
    }

    @Test
    fun `mode that the app chose, is the most that is used`() {
        val installed = listOf(chrome, old)
        assertEquals(BrowserChoice.CustomTab(chrome.packageName), BrowserChoice.among(installed, APP_LINK, BrowserOptions(BrowserMode.CustomTab)))
        assertEquals(BrowserChoice.Plain(chrome.packageName), BrowserChoice.among(installed, APP_LINK, BrowserOptions(BrowserMode.Browser)))
        val options = BrowserOptions(BrowserMode.Browser, ephemeral = true)
        assertEquals(BrowserProblem.NoneEphemeral, problem(listOf(chrome.copy(isEphemeral = true)), options))
    }

    @Test
    fun `browser that is not allowed, is not used, and no other says so`() {
        val options = BrowserOptions(allowed = setOf(old.packageName))
        assertEquals(BrowserChoice.CustomTab(old.packageName), BrowserChoice.among(listOf(chrome, old), SCHEME, options))
        assertEquals(BrowserProblem.NoneAllowed, problem(listOf(chrome), options))
        assertEquals(BrowserProblem.NoBrowser, problem(emptyList(), options))
    }

    @Test
    fun `tab without cookies, is one of a browser that can, or none`() {
        val able = old.copy(isEphemeral = true)
        val options = BrowserOptions(ephemeral = true)
        assertEquals(BrowserChoice.CustomTab(old.packageName), BrowserChoice.among(listOf(chrome, able), SCHEME, options))
        assertEquals(BrowserProblem.NoneEphemeral, problem(listOf(chrome, old, simple.copy(isEphemeral = true)), options))
    }

    private fun problem(installed: List<InstalledBrowser>, options: BrowserOptions): BrowserProblem =
        (BrowserChoice.among(installed, SCHEME, options) as BrowserChoice.None).problem

    @Test
    fun `link that is not the redirect of this login, does not answer it`() {
        val redirect = Redirect("https://issuer.example/authorize?client_id=c&state=s1&nonce=n", SCHEME)
        assertTrue(redirect.isAnsweredBy("$SCHEME?code=c&state=s1"))
        assertTrue(redirect.isAnsweredBy("$SCHEME?error=access_denied&state=s1"))
        val strange = listOf(
            "$SCHEME?code=c&state=s2", "$SCHEME?code=c", SCHEME, "${SCHEME}s?code=c&state=s1", "$SCHEME/x?code=c&state=s1",
            "com.example.other:/callback?code=c&state=s1", "", "javascript:alert(1)", "$SCHEME?code=%zz&state=s1x", "$SCHEME?\u0000",
        )
        for (link in strange) assertFalse(link, redirect.isAnsweredBy(link))
        assertTrue(Redirect("https://issuer.example/authorize?request_uri=urn%3Ax", SCHEME).isAnsweredBy("$SCHEME?code=c&state=any"))
    }

    private companion object {
        const val APP_LINK = "https://app.example.com/callback"
        const val SCHEME = "com.example.app:/callback"
    }
}
