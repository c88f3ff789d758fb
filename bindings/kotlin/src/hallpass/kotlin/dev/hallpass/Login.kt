package dev.hallpass

import kotlin.time.Duration

/**
 * How to log in; with nothing set, as [Config] says.
 *
 * @property prompt what the page has to ask for; the server decides when it is empty, and [Prompt.None] stands alone
 * @property scope the scope to ask for instead of the configured one
 * @property audience the API that the access token is for, instead of the configured one (Auth0)
 * @property resources the APIs that the access token is for, instead of the configured ones (RFC 8707)
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
    public val prompt: Set<Prompt> = emptySet(),
    public val scope: String? = null,
    public val audience: String? = null,
    public val resources: List<String> = emptyList(),
    public val loginHint: String? = null,
    public val uiLocales: String? = null,
    public val acrValues: String? = null,
    public val maxAge: Duration? = null,
    public val organization: String? = null,
    public val invitation: String? = null,
    public val connection: String? = null,
    public val extra: Map<String, String> = emptyMap(),
) {
    /** A login that does what an API asks for; [copy] adds to it what else the page has to know. */
    public constructor(stepUp: StepUp) : this(acrValues = stepUp.acrValues, maxAge = stepUp.maxAge)

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

    /** A new account: the page to sign up (Initiating User Registration via OpenID Connect 1.0). */
    Create,
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
 * What the user of a device login enters, and where (RFC 8628 §3.3).
 *
 * @property code the code, as the server writes it; to be shown large, in letters that cannot be mistaken
 * @property verificationUri the page on which it is entered, on any other device
 * @property verificationUriComplete the same page with the code in it, for a QR code; not every server has one. Show the code
 *   beside it
 * @property lifetime for how long both are good
 */
public data class UserCode(
    public val code: String,
    public val verificationUri: String,
    public val verificationUriComplete: String?,
    public val lifetime: Duration,
)

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
