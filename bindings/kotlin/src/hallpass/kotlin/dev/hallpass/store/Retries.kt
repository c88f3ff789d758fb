package dev.hallpass.store

import kotlinx.coroutines.delay
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Asks a key's keeper again while it has trouble, for two seconds: also when it says that a key is gone, because keepers say
 * so while they restart. What is thrown in the end is the last answer.
 *
 * @param faults knows the platform's own exceptions, and how long the platform asks to wait
 * @param pause waits between two tries
 */
public class Retries(
    private val faults: FaultFinder,
    private val pause: suspend (Duration) -> Unit = { delay(it) },
) {
    /** Returns what [work] returns. */
    public suspend fun <T> run(work: () -> T): T {
        var left = LIMIT
        var next = FIRST_PAUSE
        while (true) {
            try {
                return work()
            } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
                val fault = faults.judge(error)
                if (fault != Fault.Passing && fault != Fault.KeyGone || !left.isPositive()) throw error
                val wanted = causes(error).firstNotNullOfOrNull(faults::backOff) ?: (next * Random.nextDouble(LEAST_JITTER, 1.0))
                val wait = wanted.coerceAtLeast(SHORTEST_PAUSE).coerceAtMost(left)
                pause(wait)
                left -= wait
                next *= 2
            }
        }
    }

    private companion object {
        val LIMIT = 2.seconds
        val FIRST_PAUSE = 100.milliseconds
        val SHORTEST_PAUSE = 20.milliseconds
        const val LEAST_JITTER = 0.5
    }
}
