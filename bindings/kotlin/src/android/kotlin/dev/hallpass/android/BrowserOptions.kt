package dev.hallpass.android

/**
 * Which browsers a [SystemBrowser] may use, and how their tab looks.
 *
 * @property mode the most that is used of a browser
 * @property ephemeral whether the tab keeps no cookies and shares none: no single sign-on, and nobody is signed in when it opens.
 *   Only a tab of a browser that says it can do so is used; where there is none, the login fails with
 *   [dev.hallpass.ports.BrowserProblem.NoneEphemeral]
 * @property allowed the package names of the browsers that may be used; `null` for any. The user's own choice comes first among them
 * @property toolbarColor the colour of the tab's toolbar (ARGB); the browser's own unless given
 * @property navigationBarColor the colour of the system's bar below the tab (ARGB); the browser's own unless given
 */
public class BrowserOptions(
    public val mode: BrowserMode = BrowserMode.AuthTab,
    public val ephemeral: Boolean = false,
    public val allowed: Set<String>? = null,
    public val toolbarColor: Int? = null,
    public val navigationBarColor: Int? = null,
)

/** How a browser is used at most. One that cannot is used as far as it can. */
public enum class BrowserMode {
    /** As an Auth Tab, which hands the redirect back itself. */
    AuthTab,

    /** As a Custom Tab. */
    CustomTab,

    /** As it is, in a task of its own. */
    Browser,
}
