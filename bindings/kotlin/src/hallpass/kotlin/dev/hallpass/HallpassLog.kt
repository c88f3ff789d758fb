package dev.hallpass

import dev.hallpass.internal.converted
import dev.hallpass.ffi.LogLevel as CoreLevel
import dev.hallpass.ffi.LogLine as CoreLine
import dev.hallpass.ffi.LogReceiver as CoreReceiver

/**
 * The log of the core: sign-ins, ends of sessions, failed renewals and refusals with their codes. No secret and no text of a server's
 * is in it. On Android, `HallpassAndroid.logToLogcat` sends it to Logcat; elsewhere, to SLF4J for example:
 *
 * ```
 * HallpassLog.send { line -> logger.info(line.message) }
 * ```
 *
 * There is one log for all sessions of the process, and one receiver; the last one named gets the lines.
 */
public object HallpassLog {
    /** How much a line matters. */
    public enum class Level {
        /** Something that should not be. */
        Warning,

        /** What happens to sessions. */
        Info,

        /** What the core does about it. */
        Debug,
    }

    /**
     * One line of the log.
     *
     * @property level how much it matters
     * @property message what it says, with values as `name=value`
     */
    public class Line(public val level: Level, public val message: String)

    /**
     * Sends the lines of [level], and of all that matter more, to [receiver] from now on. It is called on a thread of the library's, for
     * one line at a time; when it falls far behind, lines are left out, and a line says how many.
     *
     * @throws HallpassException.Internal when the system gives no thread
     */
    public fun send(level: Level = Level.Info, receiver: (Line) -> Unit) {
        converted { dev.hallpass.ffi.sendLogTo(ForeignReceiver(receiver), level.toCore()) }
    }

    /** Sends no lines any more. */
    public fun stop() {
        converted { dev.hallpass.ffi.sendLogTo(null, CoreLevel.DEBUG) }
    }

    private class ForeignReceiver(private val receiver: (Line) -> Unit) : CoreReceiver {
        override fun log(line: CoreLine) = receiver(Line(line.level.toPublic(), line.message))
    }

    private fun Level.toCore() = when (this) {
        Level.Warning -> CoreLevel.WARNING
        Level.Info -> CoreLevel.INFO
        Level.Debug -> CoreLevel.DEBUG
    }

    private fun CoreLevel.toPublic() = when (this) {
        CoreLevel.WARNING -> Level.Warning
        CoreLevel.INFO -> Level.Info
        CoreLevel.DEBUG -> Level.Debug
    }
}
