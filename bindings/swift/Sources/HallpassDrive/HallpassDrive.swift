import Foundation

/// `hallpass-drive`: the Swift API as JSON lines, the twin of `lab drive`. The lines are documented in `tests/lab/README.md`.
@main
struct HallpassDrive {
    /// A longer line is not a request, in bytes.
    static let longestLine = 4 * 1024 * 1024

    /// How many requests may wait for their answers; more are read when one of these is answered.
    static let mostPending = 20_000

    static func main() async {
        let driver = Driver()
        let places = DispatchSemaphore(value: mostPending)
        await withTaskGroup(of: Void.self) { answers in
            var begun = 0
            for await line in lines(places) {
                // What has ended is taken away, so that a long conversation does not pile up.
                if begun >= mostPending { await answers.next() }
                begun += 1
                answers.addTask {
                    write(await answer(line, driver))
                    places.signal()
                }
            }
            await answers.waitForAll()
        }
    }

    /// The lines of standard input, each when there is a place for it, read by a thread of its own: reading waits.
    private static func lines(_ places: DispatchSemaphore) -> AsyncStream<String> {
        AsyncStream { continuation in
            Thread.detachNewThread {
                places.wait()
                while let line = readLine() {
                    continuation.yield(line)
                    places.wait()
                }
                // A semaphore may not be let go of with a place taken.
                places.signal()
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
