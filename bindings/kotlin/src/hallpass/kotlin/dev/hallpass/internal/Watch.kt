package dev.hallpass.internal

import dev.hallpass.Credentials
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import dev.hallpass.ffi.Event
import dev.hallpass.ffi.SessionObserver
import dev.hallpass.ffi.State
import dev.hallpass.ports.Elapsed
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlin.time.Duration
import dev.hallpass.ffi.Credentials as CoreCredentials

/** What the core tells of a session, before the function that caused it returns. It holds no session: the core holds it. */
internal class Watch(private val elapsed: Elapsed) : SessionObserver {
    val states = MutableStateFlow<SessionState>(SessionState.Restoring())
    val events = MutableSharedFlow<SessionEvent>(
        extraBufferCapacity = EVENTS_KEPT,
        onBufferOverflow = BufferOverflow.DROP_OLDEST,
    )

    @Volatile
    private var snapshot: Snapshot? = null

    @Volatile
    private var closed = false

    /** The credentials of the login, if they last for [minTtl] and the core need not be asked. */
    fun valid(minTtl: Duration): Credentials? = snapshot?.valid(minTtl, elapsed)

    /** Gives nothing out any more. */
    fun close() {
        closed = true
        snapshot = null
    }

    override fun credentialsChanged(latest: CoreCredentials?, remainingMilliseconds: ULong?) {
        snapshot = latest?.let { Snapshot.of(it.toPublic().copy(renewed = false), remainingMilliseconds, elapsed) }
        // Whichever of the two comes last, nothing is left.
        if (closed) snapshot = null
    }

    override fun stateChanged(state: State) {
        states.value = state.toPublic()
    }

    override fun happened(event: Event) {
        events.tryEmit(event.toPublic())
    }

    private companion object {
        /** Events come one at a time; a collector that is this far behind is not listening. */
        const val EVENTS_KEPT = 64
    }
}
