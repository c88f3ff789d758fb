package dev.hallpass.drive

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.sync.Semaphore
import java.io.BufferedInputStream
import java.io.InputStream
import java.io.PrintStream

/**
 * `hallpass-drive`: the library as JSON lines, the twin of `lab drive` (see `tests/lab/README.md`). One request object a line
 * comes in, one answer object a line goes out with the same `id`, in any order.
 */
fun main(): Unit = runBlocking { drive(System.`in`, System.out) }

/** Answers the requests of [input] on [output] until the input ends and everything is answered. */
internal suspend fun drive(input: InputStream, output: PrintStream) {
    val driver = Driver()
    val pending = Semaphore(MOST_PENDING)
    val lines = Lines(BufferedInputStream(input, 64 * 1024))
    coroutineScope {
        while (true) {
            val line = lines.next() ?: break
            if (line is Line.Whole && line.text.isBlank()) continue
            pending.acquire()
            launch(Dispatchers.Default) {
                try {
                    val answer = driver.answer(line)
                    synchronized(output) {
                        output.print(answer + "\n")
                        output.flush()
                    }
                } finally {
                    pending.release()
                }
            }
        }
    }
}

/** How many requests may wait for their answers; more are read when one of these is answered. */
private const val MOST_PENDING = 20_000
