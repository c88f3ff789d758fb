package com.example.hallpass.lab

import dev.hallpass.HallpassException
import dev.hallpass.LoginReason
import dev.hallpass.OfflineCause
import dev.hallpass.SessionState
import dev.hallpass.StepUp
import dev.hallpass.StorageProblem
import dev.hallpass.User
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.runTest
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import java.util.Properties
import kotlin.time.Duration.Companion.seconds

@OptIn(ExperimentalCoroutinesApi::class)
class LabPresenterTest {
    private val session = FakeSession()

    @Test
    fun `refresh before any login, says that there is no refresh token`() = test { presenter ->
        presenter.refreshToken()
        assertTrue(presenter.states.value.log.first().endsWith("Refresh Token: No Refresh Token found. Log in first."))
    }

    @Test
    fun `log in, call the API and log out, the screen follows`() = test { presenter ->
        presenter.logIn()
        assertEquals("Ada Lovelace", presenter.states.value.user)
        presenter.callApi()
        val state = presenter.states.value
        assertEquals(listOf(Expense("2026-11-02", "Pizza", "102")), state.expenses)
        assertTrue(state.log.any { it.endsWith("The API answered 200, after one renewal.") })
        assertEquals(42L, state.timeLeft(checkNotNull(state.expiresAt) - 42.seconds)?.inWholeSeconds)
        assertEquals(0L, state.timeLeft(checkNotNull(state.expiresAt) + 9.seconds)?.inWholeSeconds)
        presenter.logOut()
        assertFalse(presenter.states.value.isSignedIn)
        assertNull(presenter.states.value.expiresAt)
        assertTrue(presenter.states.value.expenses.isEmpty())
    }

    @Test
    fun `errors, each is one sentence with its code and the buttons work again`() = test { presenter ->
        val errors = mapOf(
            HallpassException.Cancelled("x") to "cancelled.",
            HallpassException.LoginRequired("x", LoginReason.Revoked) to "log in again (revoked).",
            HallpassException.LoginRequired("x", LoginReason.Refused) to "log in again (refused).",
            HallpassException.Storage("x", StorageProblem.Locked) to "the secure store cannot be used (storage_locked).",
            HallpassException.Offline("x", OfflineCause.RateLimited, 7.seconds) to "no answer for now (rate_limited); wait 7s.",
            HallpassException.StepUpRequired("x", StepUp("gold")) to
                "the API wants you to log in again (insufficient_user_authentication).",
            HallpassException.Denied("x", "access_denied") to "the server refused (access_denied).",
            HallpassException.Untrusted("x", "nonce") to "an answer could not be trusted (nonce).",
            HallpassException.Misconfigured("x", "issuer", "use https") to "issuer: use https.",
            HallpassException.Internal("x", "border") to "a defect: border.",
        )
        for ((error, sentence) in errors) {
            session.failure = error
            presenter.logIn()
            assertTrue(presenter.states.value.log.first(), presenter.states.value.log.first().endsWith("Log In: $sentence"))
            assertFalse(presenter.states.value.busy)
        }
    }

    @Test
    fun `session that cannot go on, the screen says why and who it was`() = test { presenter ->
        val ada = User("auth0|1", name = "Ada Lovelace")
        for ((state, obstacle) in listOf(
            SessionState.LoginRequired(ada, LoginReason.NoRefreshToken) to Obstacle.Expired,
            SessionState.LoginRequired(ada, LoginReason.Refused) to Obstacle.Refused,
            SessionState.Restoring(StorageProblem.Locked) to Obstacle.Locked,
            SessionState.Restoring(StorageProblem.Failed) to Obstacle.Unreadable,
            SessionState.Restoring() to null,
            SessionState.SignedIn(ada) to null,
            SessionState.SignedOut(LoginReason.LoggedOut) to null,
        )) {
            session.states.value = state
            val shown = presenter.states.value
            assertEquals(obstacle, shown.obstacle)
            assertEquals(state.user?.name, shown.user)
            assertEquals(state is SessionState.SignedIn, shown.isSignedIn)
        }
    }

    @Test
    fun `placeholder in the property file, the buttons say what to set and nothing is asked`() = runTest {
        val properties = Properties().apply {
            setProperty("issuer", "")
            setProperty("client_id", "YOUR_CLIENT_ID")
            setProperty("audience", "a")
            setProperty("api_url", "http://localhost:3001/")
            setProperty("redirect_uri", "com.example.hallpass.lab:/callback")
        }
        val settings = LabSettings.of(properties)
        assertEquals("Set issuer, client_id in hallpass.properties or on the settings screen.", settings.problem)
        assertNull(settings.with(mapOf("issuer" to "https://a.example/", "client_id" to "c")).problem)
        assertNull(settings.with(mapOf("domain" to "a.eu.auth0.com", "client_id" to "c")).problem)
        val presenter = LabPresenter(null, settings.problem, "", backgroundScope, { emptyList() })
        presenter.logIn()
        assertTrue(presenter.states.value.log.first().contains("client_id"))
    }

    @Test
    fun `log from before the process ended, is shown again but never over a newer one`() = test { presenter ->
        presenter.restoreLog(listOf("10:00:00  earlier"))
        assertEquals(listOf("10:00:00  earlier"), presenter.states.value.log)
        presenter.restoreLog(listOf("other"))
        assertEquals(listOf("10:00:00  earlier"), presenter.states.value.log)
    }

    private fun test(body: suspend TestScope.(LabPresenter) -> Unit) = runTest(UnconfinedTestDispatcher()) {
        val parse = { _: String -> listOf(Expense("2026-11-02", "Pizza", "102")) }
        body(LabPresenter(session, null, "http://localhost:3001/", backgroundScope, parse))
    }
}
