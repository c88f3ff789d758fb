import Hallpass
import HallpassTesting
import LabSupport
import Testing

/// What a call costs. The line that it prints is read by `cargo xtask bench foreign`, which builds this for speed; built for
/// debugging the numbers are larger, and their order is the same.
@Suite(.timeLimit(.minutes(5)))
struct CostTests {
    @Test func credentialsInMemoryAreHadFasterThanAcrossTheBorder() async throws {
        try await withLab { _, session in
            try await session.login()
            // The scope that was granted names the same token, but has to be asked for at the core.
            let scope = try await session.credentials().scope
            _ = try await nanosecondsEach(1_000) { _ = try await session.credentials(scope: scope) }
            var hits: [Double] = []
            var crossings: [Double] = []
            for _ in 0..<7 {
                hits.append(try await nanosecondsEach(20_000) { _ = try await session.credentials() })
                crossings.append(try await nanosecondsEach(1_000) { _ = try await session.credentials(scope: scope) })
            }
            let hit = try #require(hits.min())
            let crossing = try #require(crossings.min())
            print("credentials(): \(Int(hit)) ns in memory, \(Int(crossing)) ns across, ratio \(Int(crossing / hit))")
            #expect(crossing > hit)
        }
    }

    private func nanosecondsEach(_ count: Int, _ work: () async throws -> Void) async throws -> Double {
        let elapsed = try await ContinuousClock().measure {
            for _ in 0..<count { try await work() }
        }
        let (seconds, attoseconds) = elapsed.components
        return (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(count)
    }
}
