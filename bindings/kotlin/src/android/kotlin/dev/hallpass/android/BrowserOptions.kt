package dev.hallpass.android

/**
 * Which browsers a [SystemBrowser] may use, and how their tab looks.
 *
 * @property mode the most that is used of a browser
 * @property ephemeral whether the tab keeps no cookies and shares none: no single sign-on, and no one is signed in when it opens.
 *   Only a browser that declares support for it is used; if there is none, the login fails with
 *   [dev.hallpass.ports.BrowserProblem.NoneEphemeral]
 * @property allowed the package names of the browsers that may be used; `null` for any. The user's own choice comes first among them
 * @property toolbarColor the colour of the tab's toolbar (ARGB); the browser's own by default
 * @property navigationBarColor the colour of the system's bar below the tab (ARGB); the browser's own by default
 */
public class BrowserOptions(
    public val mode: BrowserMode = BrowserMode.AuthTab,
    public val ephemeral: Boolean = false,
    public val allowed: Set<String>? = null,
    public val toolbarColor: Int? = null,
    public val navigationBarColor: Int? = null,
)

/** The most that is used of a browser. If it supports less, that is used. */
public enum class BrowserMode {
    /** As an Auth Tab, which returns the redirect itself. */
    AuthTab,

    /** As a Custom Tab. */
    CustomTab,

    /** The browser itself, in its own task. */
    Browser,
}
