package com.example.hallpass.lab

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File

/** The Gradle project, which cannot be run everywhere: it builds the same as Maven does here, from the same versions. */
class GradleProjectTest {
    private val checkout = File(System.getProperty("hallpass.checkout"))
    private val project = File(checkout, "android-app")
    private val settings = File(project, "settings.gradle.kts").readText()

    @Test
    fun `versions of the catalog, are those of Maven`() {
        val catalog = Regex("(?m)^([a-z0-9-]+) = \"([^\"]+)\"$").findAll(File(project, "gradle/libs.versions.toml").readText())
            .associate { it.groupValues[1] to it.groupValues[2] }
        val maven = Regex("<([a-z0-9]+)\\.version>([^<]+)<").findAll(File(checkout, "bindings/kotlin/pom.xml").readText())
            .associate { it.groupValues[1] to it.groupValues[2] }
        val shared = mapOf(
            "kotlin" to "kotlin", "coroutines" to "coroutines", "jna" to "jna", "okhttp" to "okhttp", "junit" to "junit4",
            "robolectric" to "robolectric",
        )
        for ((here, there) in shared) assertEquals(here, checkNotNull(maven[there]) { there }, catalog[here])
    }

    @Test
    fun `modules that are included, are there with what they are built from`() {
        val modules = Regex("\":([a-z-]+)\"").findAll(settings).map { it.groupValues[1] }.toSet()
        assertEquals(setOf("app", "hallpass", "hallpass-okhttp"), modules)
        for (module in modules) {
            val script = File(project, "$module/build.gradle.kts")
            assertTrue("$module", script.isFile)
            val named = Regex("\"(\\.\\./[^\"$]*)\"").findAll(script.readText()).map { it.groupValues[1] }
            for (path in named) assertTrue("$module names $path", File(project, path).exists())
        }
        for (sources in listOf("ffi", "hallpass", "android", "okhttp")) {
            assertTrue(sources, File(checkout, "bindings/kotlin/src/$sources/kotlin").isDirectory)
        }
    }

    @Test
    fun `processors of the app, are those that the core is built for`() {
        val properties = File(project, "gradle.properties").readLines()
        val abis = properties.single { it.startsWith("hallpass.abis=") }.substringAfter('=').split(",")
        val script = File(project, "hallpass/build.gradle.kts").readText()
        val known = Regex("\"([a-z0-9_-]+)\" to \"([a-z0-9_-]+)\"").findAll(script).associate { it.groupValues[1] to it.groupValues[2] }
        assertEquals(known.keys, abis.toSet())
        val targets = File(checkout, "bindings/xtask/src/targets.rs").readText()
        for ((abi, target) in known) assertTrue("$abi is built as $target", "\"$abi\"" in targets && "\"$target\"" in targets)
    }
}
