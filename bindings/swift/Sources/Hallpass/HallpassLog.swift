import Foundation
internal import HallpassBindings

#if canImport(os)
import os
#endif

/// The log of the core: sign-ins, ends of sessions, failed renewals and refusals with their codes. No secret and no text of a server's
/// is in it.
///
/// ```swift
/// try HallpassLog.send(to: Logger(subsystem: "com.example.app", category: "hallpass"))
/// ```
///
/// There is one log for all sessions of the process, and one receiver; the last one named gets the lines.
public enum HallpassLog {
    /// How much a line matters.
    public enum Level: Sendable, Hashable, CaseIterable {
        /// Something that should not be.
        case warning
        /// What happens to sessions.
        case info
        /// What the core does about it.
        case debug
    }

    /// One line of the log.
    public struct Line: Sendable, Hashable {
        /// How much it matters.
        public let level: Level
        /// What it says, with values as `name=value`.
        public let message: String
    }

    /// Sends the lines of `level`, and of all that matter more, to `receiver` from now on. It is called on a thread of the library's,
    /// for one line at a time; when it falls far behind, lines are left out, and a line says how many.
    ///
    /// - Throws: ``HallpassError/internal(reference:)`` when the system gives no thread.
    public static func send(_ level: Level = .info, to receiver: @escaping @Sendable (Line) -> Void) throws(HallpassError) {
        try send(level, Receiver(receiver))
    }

    /// Sends no lines any more.
    public static func stop() {
        // Only a receiver can be refused.
        try? send(.debug, nil)
    }

    #if canImport(os)
    /// Sends the lines of `level`, and of all that matter more, to `logger`.
    ///
    /// - Throws: as ``send(_:to:)-(_,(Line)->Void)``.
    public static func send(_ level: Level = .info, to logger: Logger) throws(HallpassError) {
        try send(level) { line in
            let type: OSLogType =
                switch line.level {
                case .warning: .error
                case .info: .info
                case .debug: .debug
                }
            logger.log(level: type, "\(line.message, privacy: .public)")
        }
    }
    #endif

    private static func send(_ level: Level, _ receiver: Receiver?) throws(HallpassError) {
        do {
            try sendLogTo(receiver: receiver, level: .init(level))
        } catch {
            throw HallpassError(crossing: error)
        }
    }

    private final class Receiver: LogReceiver {
        private let receive: @Sendable (Line) -> Void

        init(_ receive: @escaping @Sendable (Line) -> Void) { self.receive = receive }

        func log(line: LogLine) throws { receive(Line(level: .init(line.level), message: line.message)) }
    }
}

extension HallpassLog.Level {
    init(_ level: LogLevel) {
        self =
            switch level {
            case .warning: .warning
            case .info: .info
            case .debug: .debug
            }
    }
}

extension LogLevel {
    init(_ level: HallpassLog.Level) {
        self =
            switch level {
            case .warning: .warning
            case .info: .info
            case .debug: .debug
            }
    }
}
