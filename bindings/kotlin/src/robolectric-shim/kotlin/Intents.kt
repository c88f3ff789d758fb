package androidx.test.runner.intent

import android.app.Instrumentation.ActivityResult
import android.content.Intent

/** Test plumbing: Robolectric tells somebody of every intent; nobody listens here. */
interface IntentMonitor

object IntentMonitorRegistry {
    @JvmStatic
    fun registerInstance(@Suppress("UNUSED_PARAMETER") monitor: IntentMonitor?) = Unit
}

/** Test plumbing: a source of prepared answers to intents. There is none. */
fun interface IntentStubber {
    fun getActivityResultForIntent(intent: Intent): ActivityResult?
}

object IntentStubberRegistry {
    @JvmStatic
    fun isLoaded(): Boolean = false

    @JvmStatic
    fun getInstance(): IntentStubber = error("no answer to an intent was prepared")
}
