package dev.hallpass.drive

import java.io.ByteArrayOutputStream
import java.io.InputStream

/** One line of input, without its end. */
internal sealed interface Line {
    data class Whole(val text: String) : Line

    data object TooLong : Line
}

/** Lines of bounded length: a longer one is skipped, and the next one read as if nothing had happened. */
internal class Lines(private val input: InputStream, private val limit: Int = MOST_BYTES) {
    /** The next line; `null` at the end of the input. A last line without its end counts. */
    fun next(): Line? {
        val bytes = ByteArrayOutputStream()
        var isTooLong = false
        var isEmpty = true
        while (true) {
            val byte = input.read()
            if (byte < 0 && isEmpty) return null
            if (byte < 0 || byte == '\n'.code) return if (isTooLong) Line.TooLong else Line.Whole(bytes.toString(Charsets.UTF_8))
            isEmpty = false
            if (bytes.size() >= limit) isTooLong = true else bytes.write(byte)
        }
    }

    companion object {
        const val MOST_BYTES = 4 * 1024 * 1024
    }
}
