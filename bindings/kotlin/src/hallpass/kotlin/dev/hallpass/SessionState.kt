package dev.hallpass

/** Whether a user is signed in. */
public sealed interface SessionState {
    /** The user, as long as one is known: signed in, or asked to log in again. */
    public val user: User? get() = null

    /**
     * The store has not been read yet, or could not be read. Show neither the sign-in page nor the user's data. The next
     * function that needs it tries again, and so does [Session.reload].
     *
     * @property problem why the last attempt to read it failed; `null` before it
     */
    public data class Restoring(public val problem: StorageProblem? = null) : SessionState

    /** No one is signed in, for this [reason]. */
    public data class SignedOut(public val reason: LoginReason) : SessionState

    /** A user is signed in: the [user]. */
    public data class SignedIn(override val user: User) : SessionState

    /**
     * The [user] is known and the session is kept, but the access token cannot be renewed: offer a login.
     *
     * @property reason [LoginReason.NoRefreshToken] once the access token has expired, or [LoginReason.Refused]
     */
    public data class LoginRequired(override val user: User, public val reason: LoginReason) : SessionState
}

/** Something that happened to a session. Log-safe. */
public sealed interface SessionEvent {
    /** A user signed in. */
    public data object SignedIn : SessionEvent

    /** An access token was renewed and is durable. */
    public data object Renewed : SessionEvent

    /** A renewal did not succeed; [code] says why, and [isRetryable] whether trying again later may help. */
    public data class RenewalFailed(public val code: String, public val isRetryable: Boolean) : SessionEvent

    /**
     * The ID token of a renewal failed the [check] (OpenID Connect Core §12.2). The user's claims stay as they were, and the
     * session goes on.
     */
    public data class IdTokenRejected(public val check: String) : SessionEvent

    /** The session ended, for this [reason]. */
    public data class SignedOut(public val reason: LoginReason) : SessionEvent
}

/**
 * Why a login is required.
 *
 * @property code the reason in `snake_case`
 */
public enum class LoginReason(public val code: String) {
    /** No one has signed in on this device. */
    NotSignedIn("not_signed_in"),

    /** The access token has expired and the server gave no refresh token. The user's identity is still known. */
    NoRefreshToken("no_refresh_token"),

    /**
     * The server keeps refusing to renew, in other words than `invalid_grant`. The session is kept: a renewal that succeeds or
     * a login clears it.
     */
    Refused("refused"),

    /** The server no longer accepts the refresh token: expired, revoked, or the user was blocked. */
    Revoked("revoked"),

    /** The server no longer accepts the refresh token, after the response with the next one was lost. */
    AnswerLost("answer_lost"),

    /** The secure store's key is gone, as after a restored backup. */
    StorageInvalidated("storage_invalidated"),

    /** The user logged out, here or in another process that shares the account. */
    LoggedOut("logged_out"),
}
