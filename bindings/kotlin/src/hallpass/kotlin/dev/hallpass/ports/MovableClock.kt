package dev.hallpass.ports

import dev.hallpass.ffi.ShiftedClock
import kotlin.time.Duration

/** The device's clocks, moved as a test says; several sessions may share one. */
public class MovableClock {
    internal val core = ShiftedClock()

    /** Lets [time] pass. A negative one sets the wall clock back, as people do; the clock that only runs never goes back. */
    public fun advance(time: Duration): Unit = core.advance(time.inWholeMilliseconds)
}
