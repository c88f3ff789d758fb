import Foundation
import Testing

/// The examples of the README are those that are compiled.
struct ReadmeTests {
    private let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: package.appendingPathComponent(path), encoding: .utf8)
    }

    /// How far a line is indented depends on what stands around it.
    private func lines(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test func eachExampleStandsAmongTheSourcesThatAreCompiled() throws {
        let compiled = lines(try text("Tests/HallpassTests/ReadmeExamples.swift"))
        let pieces = try text("README.md").components(separatedBy: "```swift\n").dropFirst()
        let examples = pieces.compactMap { $0.components(separatedBy: "```").first }
        #expect(examples.count >= 5)
        for example in examples {
            let wanted = lines(example.trimmingCharacters(in: .whitespacesAndNewlines))
                .drop { $0.isEmpty || $0.hasPrefix("import ") }
            let isThere = compiled.indices.contains { compiled[$0...].starts(with: wanted) }
            #expect(isThere, "not compiled:\n\(example)")
        }
    }
}
