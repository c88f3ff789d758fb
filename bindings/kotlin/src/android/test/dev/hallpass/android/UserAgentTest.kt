package dev.hallpass.android

import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.io.File

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class UserAgentTest {
    @Test
    fun `name that requests carry, is that of the library and its version, and no device's`() {
        val project = File(System.getProperty("hallpass.checkout"), "bindings/kotlin/pom.xml").readText()
        val version = checkNotNull(Regex("<version>([^<]+)<").find(project)).groupValues[1]
        assertEquals("Hallpass/$version (Android 15)", HallpassAndroid.USER_AGENT)
    }
}
