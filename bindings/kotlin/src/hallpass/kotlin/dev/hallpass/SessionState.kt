package dev.hallpass

/** Whether somebody is signed in. */
public sealed interface SessionState {
    /** The store has not been read yet, or is locked. Show neither the sign-in page nor the user's data. */
    public data object Restoring : SessionState

    /** Nobody is signed in, for this [reason]. */
    public data class SignedOut(public val reason: LoginReason) : SessionState

    /** Somebody is signed in: the [user]. */
    public data class SignedIn(public val user: User) : SessionState
}

/** Something that happened to a session. Log-safe. */
public sealed interface SessionEvent {
    /** A user signed in. */
    public data object SignedIn : SessionEvent

    /** An access token was renewed and is durable. */
    public data object Renewed : SessionEvent

    /** A renewal did not succeed; [code] says why, and [isRetryable] whether trying again later may help. */
    public data class RenewalFailed(public val code: String, public val isRetryable: Boolean) : SessionEvent

    /** The session ended, for this [reason]. */
    public data class SignedOut(public val reason: LoginReason) : SessionEvent
}

/**
 * Why a login is required.
 *
 * @property code the reason in `snake_case`
 */
public enum class LoginReason(public val code: String) {
    /** Nobody has signed in on this device. */
    NotSignedIn("not_signed_in"),

    /** The access token is over and the server gave no refresh token. The user's identity is still known. */
    NoRefreshToken("no_refresh_token"),

    /** The server no longer accepts the refresh token: expired, revoked, or the user was blocked. */
    Revoked("revoked"),

    /** The server no longer accepts the refresh token, after an answer that held the next one was lost. */
    AnswerLost("answer_lost"),

    /** The secure store's key is gone, as after a restored backup. */
    StorageInvalidated("storage_invalidated"),

    /** The user logged out, here or in another process that shares the account. */
    LoggedOut("logged_out"),
}
