package dev.hallpass.android

import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File

/** The examples of the README are those that are compiled. */
class ReadmeTest {
    private val library = File(System.getProperty("hallpass.checkout"), "bindings/kotlin")

    @Test
    fun `each Kotlin example of the README, stands among the sources that are compiled`() = areCompiled("README.md")

    @Test
    fun `each example for an app that needs no AndroidX, stands among the sources that are compiled`() = areCompiled("docs/android.md")

    private fun areCompiled(document: String) {
        val text = File(library, document).readText()
        val compiled = lines(File(library, "src/android/test/dev/hallpass/android/ReadmeExamples.kt").readText())
        val examples = EXAMPLE.findAll(text).map { it.groupValues[1] }.filterNot { it.startsWith("// AndroidX: ") }.toList()
        assertTrue("only ${examples.size} examples were found", examples.size >= 5)
        for (example in examples) {
            val wanted = lines(example)
            assertTrue("not compiled:\n$example", compiled.windowed(wanted.size).any { it == wanted })
        }
    }

    /** How far a line is indented depends on what stands around it. */
    private fun lines(text: String) = text.trim().lines().map(String::trim)

    private companion object {
        val EXAMPLE = Regex("```kotlin\n(.*?)```", RegexOption.DOT_MATCHES_ALL)
    }
}
