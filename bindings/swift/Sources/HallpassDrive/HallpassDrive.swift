import Foundation

/// `hallpass-drive`: the Swift API as JSON lines, the twin of `lab drive`. The lines are documented in `tests/lab/README.md`.
@main
struct HallpassDrive {
    /// A longer line is not a request, in bytes.
    static let longestLine = 4 * 1024 * 1024

    static func main() async {
        let driver = Driver()
        await withTaskGroup(of: Void.self) { answers in
            for await line in lines() {
                answers.addTask { write(await answer(line, driver)) }
            }
            await answers.waitForAll()
        }
    }

    /// The lines of standard input, read by a thread of its own: reading waits.
    private static func lines() -> AsyncStream<String> {
        AsyncStream { continuation in
            Thread.detachNewThread {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
        }
    }

    private static func answer(_ line: String, _ driver: Driver) async -> JSON? {
        guard !line.allSatisfy(\.isWhitespace) else { return nil }
        guard line.utf8.count <= longestLine else {
            return Answer.refusal(.null, Refusal(.lineTooLong, "a line may have 4 MiB"))
        }
        let request: Request
        switch Request.read(line) {
        case .success(let read): request = read
        case .failure(let refused): return Answer.refusal(refused.id, refused.refusal)
        }
        do {
            return .object(["id": request.id, "ok": try await driver.perform(request)])
        } catch {
            return Answer.failure(request.id, error)
        }
    }

    private static func write(_ answer: JSON?) {
        guard let answer else { return }
        FileHandle.standardOutput.write(Data((answer.text + "\n").utf8))
    }
}
