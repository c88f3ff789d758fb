package dev.hallpass

import kotlin.time.Duration

/**
 * How to log in; with nothing set, as [Config] says.
 *
 * @property prompt what the page has to ask for
 * @property loginHint who is about to sign in, such as an e-mail address
 * @property uiLocales the languages for the page, as BCP 47 tags separated by spaces
 * @property acrValues the authentication context classes asked for, separated by spaces
 * @property maxAge how long ago the user may have authenticated at most
 * @property organization the organization to sign in to
 * @property invitation the ticket of an invitation to an organization (Auth0)
 * @property connection the connection (identity provider) to use (Auth0)
 * @property extra parameters of the server's own
 */
public data class Login(
    public val prompt: Prompt? = null,
    public val loginHint: String? = null,
    public val uiLocales: String? = null,
    public val acrValues: String? = null,
    public val maxAge: Duration? = null,
    public val organization: String? = null,
    public val invitation: String? = null,
    public val connection: String? = null,
    public val extra: Map<String, String> = emptyMap(),
) {
    /** Shows no value: a hint is personal, a ticket is a secret. */
    override fun toString(): String = "Login(prompt=$prompt)"
}

/** What the page has to ask for (OpenID Connect Core §3.1.2.1). */
public enum class Prompt {
    /** Nothing; fail when something would have to be shown. */
    None,

    /** The password, again. */
    Login,

    /** Consent, again. */
    Consent,

    /** An account. */
    SelectAccount,
}

/**
 * A login that waits for its callback.
 *
 * @property url the page to open in the system browser
 * @property state the `state` that the callback has to carry
 */
public data class StartedLogin(public val url: String, public val state: String) {
    /** Shows nothing: whoever has the URL can take part in the login. */
    override fun toString(): String = "StartedLogin"
}

/**
 * How to log out.
 *
 * @property endSession whether to end the server's own session in the browser too
 * @property federated whether to log out of the identity provider behind an Auth0 tenant too; implies [endSession]
 */
public data class Logout(public val endSession: Boolean = false, public val federated: Boolean = false)

/**
 * What a logout came to.
 *
 * @property erased whether there was a session to erase
 * @property revoked whether the server confirmed that it revoked the refresh token
 * @property sessionEnded whether the browser came back from the page that ends the server's session
 */
public data class LoggedOut(
    public val erased: Boolean,
    public val revoked: Boolean,
    public val sessionEnded: Boolean,
)
