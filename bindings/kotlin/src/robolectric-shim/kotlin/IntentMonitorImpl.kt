package androidx.test.internal.runner.intent

import android.content.Intent
import androidx.test.runner.intent.IntentMonitor

/** Test plumbing: forgets what it is told. */
class IntentMonitorImpl : IntentMonitor {
    fun signalIntent(@Suppress("UNUSED_PARAMETER") intent: Intent) = Unit
}
