package dev.hallpass.internal

import dev.hallpass.Credentials
import dev.hallpass.ports.Elapsed
import kotlin.time.Duration

/**
 * The valid credentials of the login, as the core pushed them last, and until when they may be given out without asking
 * it: crossing to the core costs a thousand times as much as reading this.
 *
 * Two clocks have to agree that they last. The one that only runs cannot be set by anybody; the wall clock also sees the
 * time that a machine has slept, where the first one stands still.
 */
internal class Snapshot private constructor(
    private val credentials: Credentials,
    private val deadlineNanoseconds: Long,
    private val wallDeadlineMilliseconds: Long,
) {
    /** The credentials, if they last for [minTtl] from now on. */
    fun valid(minTtl: Duration, elapsed: Elapsed): Credentials? {
        // Compared as a difference, because this clock may overflow (see System.nanoTime).
        val left = deadlineNanoseconds - elapsed.nanoseconds()
        if (left <= minTtl.inWholeNanoseconds) return null
        val leftOnTheWall = wallDeadlineMilliseconds - System.currentTimeMillis()
        return if (leftOnTheWall > minTtl.inWholeMilliseconds) credentials else null
    }

    companion object {
        /** About 146 years: what is further away never comes, and what is nearer does not overflow. */
        private const val FOREVER_MILLISECONDS = Long.MAX_VALUE / 2 / 1_000_000

        /** A snapshot that begins now; [remainingMilliseconds] is `null` when the server did not say. */
        fun of(credentials: Credentials, remainingMilliseconds: ULong?, elapsed: Elapsed): Snapshot {
            val remaining = remainingMilliseconds?.coerceAtMost(FOREVER_MILLISECONDS.toULong())?.toLong() ?: FOREVER_MILLISECONDS
            return Snapshot(
                credentials,
                elapsed.nanoseconds() + remaining * 1_000_000,
                System.currentTimeMillis() + remaining,
            )
        }
    }
}
