package dev.hallpass.internal

import dev.hallpass.HallpassException
import dev.hallpass.LoginReason
import dev.hallpass.ServerWords
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import dev.hallpass.StepUp
import dev.hallpass.StorageProblem
import dev.hallpass.User
import dev.hallpass.ffi.ErrorDetails
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.seconds
import dev.hallpass.ffi.Event as CoreEvent
import dev.hallpass.ffi.HallpassException as CoreException
import dev.hallpass.ffi.LoginReason as CoreReason
import dev.hallpass.ffi.ServerWords as CoreWords
import dev.hallpass.ffi.State as CoreState
import dev.hallpass.ffi.StorageProblem as CoreProblem
import dev.hallpass.ffi.User as CoreUser

/** What crosses the border comes out as this library's own. */
class ConversionsTest {
    private val ada = CoreUser("auth0|1", null, null, null, null, null, null, null, null, null, "{}")
    private val user = User("auth0|1")

    @Test
    fun `every state of the core, is one of this library`() {
        for ((state, expected) in mapOf(
            CoreState.Restoring(null) to SessionState.Restoring(null),
            CoreState.Restoring(CoreProblem.LOCKED) to SessionState.Restoring(StorageProblem.Locked),
            CoreState.SignedOut(CoreReason.REVOKED, "revoked") to SessionState.SignedOut(LoginReason.Revoked),
            CoreState.SignedIn(ada) to SessionState.SignedIn(user),
            CoreState.LoginRequired(ada, CoreReason.REFUSED, "refused") to SessionState.LoginRequired(user, LoginReason.Refused),
        )) {
            assertEquals(expected, state.toPublic())
        }
    }

    @Test
    fun `every event of the core, is one of this library`() {
        for ((event, expected) in mapOf(
            CoreEvent.SignedIn to SessionEvent.SignedIn,
            CoreEvent.Renewed to SessionEvent.Renewed,
            CoreEvent.RenewalFailed(true, "no_answer") to SessionEvent.RenewalFailed("no_answer", true),
            CoreEvent.IdTokenRejected("id_token_audience") to SessionEvent.IdTokenRejected("id_token_audience"),
            CoreEvent.SignedOut(CoreReason.LOGGED_OUT, "logged_out") to SessionEvent.SignedOut(LoginReason.LoggedOut),
        )) {
            assertEquals(expected, event.toPublic())
        }
    }

    @Test
    fun `step-up and the server's words, come with their error`() {
        val details = ErrorDetails("insufficient_user_authentication", "m", false)
        for ((core, expected) in listOf(
            CoreException.StepUpRequired(details, "gold silver", 300uL) to StepUp("gold silver", 300.seconds),
            CoreException.StepUpRequired(details, null, null) to StepUp(),
            CoreException.StepUpRequired(details, null, ULong.MAX_VALUE) to StepUp(maxAge = Long.MAX_VALUE.seconds),
        )) {
            assertEquals(expected, assertInstanceOf(HallpassException.StepUpRequired::class.java, core.toPublic()).stepUp)
        }
        val denied = CoreException.Denied(ErrorDetails("access_denied", "m", false), CoreWords("no", "not today")).toPublic()
        assertEquals(ServerWords("no", "not today"), assertInstanceOf(HallpassException.Denied::class.java, denied).words)
    }

    @Test
    fun `login required, the user is known and while restoring none is`() {
        assertEquals(user, SessionState.LoginRequired(user, LoginReason.Refused).user)
        assertNull(SessionState.Restoring(StorageProblem.Locked).user)
    }
}
