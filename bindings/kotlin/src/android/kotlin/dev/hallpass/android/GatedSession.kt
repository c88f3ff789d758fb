package dev.hallpass.android

import android.os.SystemClock
import dev.hallpass.ApiReply
import dev.hallpass.ApiRequest
import dev.hallpass.Authorization
import dev.hallpass.Credentials
import dev.hallpass.HallpassException
import dev.hallpass.IdToken
import dev.hallpass.Login
import dev.hallpass.Session
import dev.hallpass.StorageProblem
import dev.hallpass.User
import dev.hallpass.android.BiometricGate.Outcome
import dev.hallpass.ports.Elapsed
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds

/** When a [gated] session asks the user again. */
public class GatePolicy private constructor(private val lasts: Duration) {
    /** Whether what was confirmed so long ago still counts. */
    internal fun stillCounts(age: Duration): Boolean = age < lasts

    /** The policies there are. */
    public companion object {
        /** Before each use of the credentials. */
        public val EACH_USE: GatePolicy = GatePolicy(Duration.ZERO)

        /** Once while the process runs. */
        public val ONCE: GatePolicy = GatePolicy(Duration.INFINITE)

        /** When the last time is [duration] or longer ago, time in which the device slept included. */
        public fun every(duration: Duration): GatePolicy = GatePolicy(duration)
    }
}

/**
 * Why a [gated] session gave nothing out: the cause of its [HallpassException.Storage].
 *
 * @property outcome what the user or the device answered
 */
public class GateRefused(public val outcome: Outcome) : Exception("the user is not confirmed: $outcome")

/**
 * This session, whose credentials are behind a gate: whatever uses a token asks [confirm] first, unless [policy] says that the
 * last time still counts. That is [Session.credentials], [Session.renew], [Session.idToken], [Session.call], [Session.authorize] and
 * [Session.userinfo]; what watches, logs in or ends the session asks nothing, and neither does [Session.after], whose request was
 * let through. A login counts as a confirmation. Give it, and not the session below it, to all that need tokens.
 *
 * A user who closes the prompt makes them throw [HallpassException.Cancelled]. Any other outcome makes them throw
 * [HallpassException.Storage], *locked*, with a [GateRefused] as its cause: too many tries, a finger that was enrolled since
 * ([Outcome.EnrolmentChanged]: log out, or trust it), or a device that cannot ask ([Outcome.Unavailable]). No device below API 28 can
 * ([BiometricGate.isSupported]): there it gives nothing out, and an app that supports them decides so before it makes its session.
 *
 * ```
 * val session = HallpassAndroid.session(context, config).gated(GatePolicy.every(5.minutes)) {
 *     withContext(Dispatchers.Main) { gate.confirm(activity(), "Unlock", "Cancel") }
 * }
 * ```
 *
 * @param confirm shows the prompt, such as [BiometricGate.confirm]; called where the caller is, and for one caller at a time
 */
public fun Session.gated(policy: GatePolicy, confirm: suspend () -> Outcome): Session =
    GatedSession(this, policy, { SystemClock.elapsedRealtimeNanos() }, confirm)

internal class GatedSession(
    private val session: Session,
    private val policy: GatePolicy,
    private val clock: Elapsed,
    private val confirm: suspend () -> Outcome,
) : Session by session {
    /** One prompt at a time; who waits for it is let in by it, if the policy lets it last. */
    private val turn = Mutex()

    /** When the user was there last, by [clock]. */
    private var confirmed: Long? = null

    override suspend fun login(login: Login): User = session.login(login).also { turn.withLock { note() } }

    override suspend fun resume(callback: String): User = session.resume(callback).also { turn.withLock { note() } }

    override suspend fun credentials(minTtl: Duration, audience: String?, scope: String?): Credentials =
        behindGate { session.credentials(minTtl, audience, scope) }

    override suspend fun renew(audience: String?, scope: String?): Credentials = behindGate { session.renew(audience, scope) }

    override suspend fun idToken(minTtl: Duration): IdToken = behindGate { session.idToken(minTtl) }

    override suspend fun call(request: ApiRequest): ApiReply = behindGate { session.call(request) }

    override suspend fun authorize(method: String, url: String, minTtl: Duration, audience: String?, scope: String?): Authorization =
        behindGate { session.authorize(method, url, minTtl, audience, scope) }

    override suspend fun userinfo(): User = behindGate { session.userinfo() }

    private suspend fun <T> behindGate(use: suspend () -> T): T {
        turn.withLock {
            val before = confirmed
            if (before == null || !policy.stillCounts((clock.nanoseconds() - before).nanoseconds)) {
                val outcome = confirm()
                if (outcome != Outcome.Confirmed) throw refusal(outcome)
                note()
            }
        }
        return use()
    }

    private fun note() {
        confirmed = clock.nanoseconds()
    }

    private fun refusal(outcome: Outcome): HallpassException = when (outcome) {
        Outcome.Cancelled -> HallpassException.Cancelled("the user closed the prompt")
        Outcome.Confirmed, Outcome.LockedOut, Outcome.EnrolmentChanged, Outcome.Unavailable, Outcome.Failed ->
            HallpassException.Storage("the credentials are behind a gate: $outcome", StorageProblem.Locked)
    }.apply { initCause(GateRefused(outcome)) }
}
