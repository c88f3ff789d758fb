package androidx.test.platform.app

import android.app.Instrumentation
import android.os.Bundle

/** Test plumbing: where Robolectric leaves the instrumentation that it starts activities with. */
object InstrumentationRegistry {
    @Volatile private var registered: Pair<Instrumentation, Bundle>? = null

    @JvmStatic
    fun registerInstance(instrumentation: Instrumentation?, arguments: Bundle?) {
        registered = instrumentation?.let { it to Bundle(arguments ?: Bundle()) }
    }

    @JvmStatic
    fun getInstrumentation(): Instrumentation = checkNotNull(registered) { "no test is running" }.first

    @JvmStatic
    fun getArguments(): Bundle = Bundle(checkNotNull(registered) { "no test is running" }.second)
}
