import Foundation
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

/// One log a process: what other tests write at the same time comes as well.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct LogTests {
    @Test func linesOfTheCoreComeWithoutSecrets() async throws {
        let lines = Locked<[HallpassLog.Line]>([])
        try HallpassLog.send(.info) { line in lines.withLock { $0.append(line) } }
        defer { HallpassLog.stop() }
        try await withLab { lab, session in
            try await session.login()
            try await lab.plan(#"{"endpoint": "token", "times": "always", "kind": "unauthorized"}"#)
            _ = await thrown { try await session.renew() }
        }
        var seen: [HallpassLog.Line] = []
        for _ in 0..<100 where !seen.contains(where: { $0.message.contains("status=401") }) {
            try await Task.sleep(for: .milliseconds(50))
            seen = lines.withLock { $0 }
        }
        #expect(seen.contains { $0.message == "a user signed in" && $0.level == .info })
        #expect(seen.contains { $0.message.hasPrefix("the server refused to renew") && $0.message.contains("status=401") })
        #expect(seen.allSatisfy { $0.level != .debug && !$0.message.contains("eyJ") && !$0.message.contains("@") })
    }

    @Test func reportSaysWhyAUserIsAskedToSignIn() async throws {
        try await withLab { lab, session in
            #expect(await session.report().attributes["hallpass.session.state"] == "signed_out")
            try await session.login()
            let report = await session.report()
            #expect(report.attributes["hallpass.session.state"] == "signed_in")
            #expect(report.attributes["hallpass.refresh_token.generation"] == "0")
            #expect("\(report)".contains("telemetry.sdk.name=hallpass\n"))
            let token = try await session.credentials().accessToken
            #expect(!"\(report)".contains(token))
            try await lab.admin("POST", "revoke-refresh-tokens")
            _ = await thrown { try await session.renew() }
            let ended = await session.report()
            #expect(ended.attributes["hallpass.session.reason"] == "revoked")
            #expect(ended.attributes["hallpass.refusal.code"] == "invalid_grant")
        }
    }
}
