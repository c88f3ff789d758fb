package dev.hallpass

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** Everything public has its KDoc. The compiler's explicit API mode makes sure that what is public says so. */
class DocumentationTest {
    @Test
    fun `public declarations of the library, all are documented`() {
        val sources = File(System.getProperty("hallpass.checkout"), "bindings/kotlin/src")
        val files = FOLDERS.flatMap { folder -> File(sources, "$folder/kotlin").walk().filter { it.extension == "kt" } }
        val declarations = files.flatMap { file -> declarations(file.name, file.readLines()) }
        assertTrue(declarations.size > 200, "only ${declarations.size} were found")
        assertEquals(emptyList<String>(), declarations.filterNot { it.isDocumented }.map { it.place })
    }

    @Test
    fun `declaration without a text, is found, and one that its class or its base describes is not`() {
        val source = """
            |/**
            | * A thing.
            | *
            | * @property named described here
            | */
            |public class Thing(public val named: Int, public val forgotten: Int) : Base {
            |    public fun silent() = Unit
            |    /** Says something. */
            |    @Throws(Exception::class)
            |    public fun told() = Unit
            |    override fun inherited() = Unit
            |}
            |/** Has [inline]. */
            |public class Other(
            |    public val inline: Int,
            |    public val lost: Int,
            |)
        """.trimMargin().lines()
        val undocumented = declarations("Thing.kt", source).filterNot { it.isDocumented }.map { it.place }
        assertEquals(listOf("Thing.kt:6 forgotten", "Thing.kt:7 silent", "Thing.kt:16 lost"), undocumented)
    }

    private class Declaration(val place: String, val isDocumented: Boolean)

    private fun declarations(file: String, lines: List<String>): List<Declaration> {
        // The text of the class whose constructor is being read: its properties may be described there.
        var ofClass = ""
        return lines.indices.flatMap { number ->
            val line = lines[number]
            val own = textAbove(lines, number)
            if (TYPE in line) ofClass = own
            DECLARATION.findAll(line).filterNot { "override " in line.substring(0, it.range.last) }.map { found ->
                val name = found.groupValues[1]
                val isOfConstructor = found.range.first > line.indexOfFirst { !it.isWhitespace() } || line.trimEnd().endsWith(",")
                val isDescribed = isOfConstructor && DESCRIBED.any { ofClass.contains(Regex(it.format(Regex.escape(name)))) }
                Declaration("$file:${number + 1} $name", isDescribed || (own.isNotEmpty() && !isInside(line, found.range.first)))
            }.toList()
        }
    }

    /** Whether something else is declared before it on the same line. */
    private fun isInside(line: String, at: Int) = line.substring(0, at).isNotBlank()

    /** The KDoc that ends right above a line, annotations left out; empty without one. */
    private fun textAbove(lines: List<String>, number: Int): String {
        var last = number - 1
        while (last >= 0 && lines[last].trim().startsWith("@")) last--
        if (last < 0 || !lines[last].trim().endsWith("*/")) return ""
        val first = (last downTo 0).first { lines[it].trim().startsWith("/*") }
        return if (lines[first].trim().startsWith("/**")) lines.subList(first, last + 1).joinToString("\n") else ""
    }

    private companion object {
        val FOLDERS = listOf("hallpass", "android", "okhttp")
        val TYPE = Regex("""\b(class|interface|object)\b""")
        val DECLARATION = Regex(
            """\bpublic (?:\w+ )*?(?:class|interface|object|fun|val|var)\b(?: <[^>]*>)?(?: (?:[A-Z]\w*(?:<[^>]*>)?\.)*(\w+))?""",
        )
        val DESCRIBED = listOf("""@property %s\b""", """@param %s\b""", """\[%s]""")
    }
}
