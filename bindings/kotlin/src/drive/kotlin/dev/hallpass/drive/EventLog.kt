package dev.hallpass.drive

import dev.hallpass.Session
import dev.hallpass.SessionEvent
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** What has happened to a session, kept until a test asks for it. */
internal class EventLog(session: Session) {
    private val kept = mutableListOf<SessionEvent>()

    // Undispatched, so that it is collecting when the constructor returns.
    private val reader = CoroutineScope(Dispatchers.Default).launch(start = CoroutineStart.UNDISPATCHED) {
        session.events.collect { event -> synchronized(kept) { kept += event } }
    }

    /** The events that nobody has asked for yet. Waits for [count] of them, for five seconds at most. */
    suspend fun taken(count: Long): List<SessionEvent> {
        withTimeoutOrNull(5.seconds) { while (synchronized(kept) { kept.size } < count) delay(2.milliseconds) }
        return synchronized(kept) { kept.toList().also { kept.clear() } }
    }

    fun close() = reader.cancel()
}
