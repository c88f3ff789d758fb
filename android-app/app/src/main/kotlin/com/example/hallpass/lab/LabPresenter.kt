package com.example.hallpass.lab

import dev.hallpass.ApiRequest
import dev.hallpass.HallpassException
import dev.hallpass.LoginReason
import dev.hallpass.Session
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import dev.hallpass.StorageProblem
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlin.time.Clock
import kotlin.time.Duration
import kotlin.time.Instant

/**
 * What the screen shows.
 *
 * @property user the name of the user: signed in, or asked to log in again
 * @property obstacle what keeps the user from going on
 * @property expiresAt until when the access token is valid
 * @property busy whether a button was pressed and its work goes on
 * @property problem what is wrong in the settings; the buttons do nothing then
 * @property log what happened, the newest first
 */
data class UiState(
    val isSignedIn: Boolean = false,
    val isRestoring: Boolean = true,
    val user: String? = null,
    val obstacle: Obstacle? = null,
    val expenses: List<Expense> = emptyList(),
    val expiresAt: Instant? = null,
    val busy: Boolean = false,
    val problem: String? = null,
    val log: List<String> = emptyList(),
) {
    /** How long the access token lasts from [now] on; zero when it is over. */
    fun timeLeft(now: Instant): Duration? = expiresAt?.let { (it - now).coerceAtLeast(Duration.ZERO) }
}

/** What keeps the user from going on. */
enum class Obstacle {
    /** The device is locked. */
    Locked,

    /** The store cannot be read. */
    Unreadable,

    /** The session has expired. */
    Expired,

    /** The server does not renew the session. */
    Refused,
}

/** One of the exercise's expenses. */
data class Expense(val date: String, val description: String, val value: String)

/**
 * The exercise's four buttons. Plain Kotlin: the activity shows [states] and calls the four functions, and a test gives it
 * a session of its own.
 *
 * @param session the session, or `null` when the settings have a [problem]
 * @param parse reads the API's answer
 */
class LabPresenter(
    private val session: Session?,
    problem: String?,
    private val apiUrl: String,
    private val scope: CoroutineScope,
    private val parse: (String) -> List<Expense>,
    private val clock: Clock = Clock.System,
) {
    private val shown = MutableStateFlow(UiState(problem = problem, isRestoring = session != null))
    val states: StateFlow<UiState> = shown.asStateFlow()

    init {
        session?.let { session ->
            scope.launch { session.states.collect(::show) }
            scope.launch { session.events.collect { note(described(it)) } }
        }
    }

    fun logIn() = work("Log In") { session ->
        val user = session.login()
        note("Signed in as ${user.name ?: user.sub}.")
        showToken(session)
    }

    fun callApi() = work("Call API") { session ->
        val reply = session.call(ApiRequest.get(apiUrl))
        note("The API answered ${reply.status}" + if (reply.renewals > 0) ", after one renewal." else ".")
        if (reply.isSuccess) shown.update { it.copy(expenses = parse(reply.text())) }
        showToken(session)
    }

    fun refreshToken() = work("Refresh Token") { session ->
        session.renew()
        showToken(session)
    }

    fun logOut() = work("Log Out") { session ->
        val outcome = session.logout()
        note(if (outcome.revoked) "Logged out; the server has revoked the refresh token." else "Logged out here.")
    }

    /** The app came to the foreground: the device may have been unlocked meanwhile. What is in the way is told by the state. */
    fun reload() {
        val session = session ?: return
        scope.launch { runCatching { session.reload() } }
    }

    /** Puts back what was on the screen before the process ended. */
    fun restoreLog(lines: List<String>) = shown.update { if (it.log.isEmpty()) it.copy(log = lines) else it }

    /** For a login that was finished after the process had died, and failed. */
    fun lateLoginFailed(error: HallpassException) = note(explained(error))

    private fun work(name: String, action: suspend (Session) -> Unit) {
        val session = session ?: return note("$name: ${shown.value.problem}")
        if (shown.value.busy) return
        shown.update { it.copy(busy = true) }
        scope.launch {
            try {
                action(session)
            } catch (error: HallpassException) {
                note("$name: ${explained(error)}")
            } finally {
                shown.update { it.copy(busy = false) }
            }
        }
    }

    private fun show(state: SessionState) {
        val user = state.user
        shown.update {
            it.copy(
                isSignedIn = state is SessionState.SignedIn,
                isRestoring = state is SessionState.Restoring,
                user = user?.run { name ?: sub },
                obstacle = obstacle(state),
                expenses = if (user == null) emptyList() else it.expenses,
                expiresAt = if (user == null) null else it.expiresAt,
            )
        }
        val session = session
        if (user != null && session != null) scope.launch { runCatching { showToken(session) } }
    }

    private fun obstacle(state: SessionState): Obstacle? = when (state) {
        is SessionState.Restoring -> when (state.problem) {
            null -> null
            StorageProblem.Locked -> Obstacle.Locked
            StorageProblem.Invalidated, StorageProblem.Failed -> Obstacle.Unreadable
        }
        is SessionState.LoginRequired -> if (state.reason == LoginReason.Refused) Obstacle.Refused else Obstacle.Expired
        is SessionState.SignedOut, is SessionState.SignedIn -> null
    }

    /** Asks for what is there; nothing is sent unless it is over. */
    private suspend fun showToken(session: Session) {
        val credentials = session.credentials(minTtl = Duration.ZERO)
        shown.update { it.copy(expiresAt = credentials.expiresAt) }
    }

    private fun note(line: String) {
        val time = clock.now().toString().substringAfter('T').take(8)
        shown.update { it.copy(log = (listOf("$time  $line") + it.log).take(MOST_LINES)) }
    }

    private fun described(event: SessionEvent): String = when (event) {
        is SessionEvent.SignedIn -> "The session began."
        is SessionEvent.Renewed -> "The access token was renewed."
        is SessionEvent.RenewalFailed -> "A renewal failed: ${event.code}."
        is SessionEvent.IdTokenRejected -> "An ID token was rejected: ${event.check}."
        is SessionEvent.SignedOut -> "The session ended: ${event.reason.code}."
    }

    /** Each kind of error in one sentence, with what to do. */
    private fun explained(error: HallpassException): String = when (error) {
        is HallpassException.Cancelled -> "cancelled."
        is HallpassException.LoginRequired -> when (error.reason) {
            LoginReason.NotSignedIn, LoginReason.NoRefreshToken, LoginReason.LoggedOut -> "No Refresh Token found. Log in first."
            LoginReason.Refused, LoginReason.Revoked, LoginReason.AnswerLost, LoginReason.StorageInvalidated -> "log in again (${error.code})."
        }
        is HallpassException.StepUpRequired -> "the API wants you to log in again (${error.code})."
        is HallpassException.Offline -> "no answer for now (${error.code})" + (error.retryAfter?.let { "; wait $it." } ?: ".")
        is HallpassException.Denied -> "the server refused (${error.code})."
        is HallpassException.Storage -> "the secure store cannot be used (${error.code})."
        is HallpassException.Untrusted -> "an answer could not be trusted (${error.code})."
        is HallpassException.Misconfigured -> "${error.code}: ${error.fix}."
        is HallpassException.Internal -> "a defect: ${error.code}."
    }

    private companion object {
        const val MOST_LINES = 200
    }
}
