import Foundation
import HallpassTesting
import LabSupport
import Testing

@testable import Hallpass

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Tokens bound to a key (RFC 9449): the core's own in software, and an app's that throws.
@Suite(.timeLimit(.minutes(2)))
struct PossessionTests {
    private struct SomethingElse: Error {}

    /// Shows a key and signs with nothing: enough to see what crosses.
    private final class NotedSigner: KeySigner {
        let failure = Locked<(any Error)?>(nil)
        let identity = "noted \(UUID().uuidString)"
        private let signatureLength: Int

        init(signatureLength: Int = 64) { self.signatureLength = signatureLength }

        func publicKey() async throws -> Data {
            if let failure = failure.withLock({ $0 }) { throw failure }
            return Data([4] + [UInt8](repeating: 7, count: 64))
        }

        func sign(_ message: Data) async throws -> Data {
            if let failure = failure.withLock({ $0 }) { throw failure }
            return Data(count: signatureLength)
        }

        func delete() async throws {}
    }

    private func withBoundLab(
        signer: (any KeySigner)? = nil, settings: [String: any Sendable] = [:], _ body: (LabServer, Session) async throws -> Void
    ) async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        if !settings.isEmpty { try await lab.set(settings) }
        var config = lab.config()
        config.dpop = true
        try await body(lab, try Session(config, store: .memory, browser: LabBrowser(), signer: signer))
    }

    @Test func everyOriginGetsProofsWithItsOwnNonceAndTheTokenIsRenewed() async throws {
        try await withBoundLab(settings: ["dpop_nonce": "of-the-tenant", "api_dpop_nonce": "of-the-api"]) { lab, session in
            try await session.login()
            #expect(try await session.credentials().tokenType == "DPoP")
            #expect(try await session.call(.get(lab.about.apiURL)).status == 200)
            try await lab.admin("POST", "expire-access-tokens")
            let reply = try await session.call(.get(lab.about.apiURL))
            #expect(reply.status == 200 && reply.renewals == 1)
            #expect(try await session.logout().revoked)
        }
    }

    @Test func urlSessionSendsAProofAndOnceMoreWithTheNonceThatTheAPIWants() async throws {
        try await withBoundLab(settings: ["api_dpop_nonce": "one"]) { lab, session in
            try await session.login()
            let request = URLRequest(url: lab.about.apiURL)
            for expected in [2, 3] {
                let (_, response) = try await URLSession.shared.data(for: request, session: session)
                #expect(response.statusCode == 200)
                #expect(try await lab.requests().filter { $0.endpoint == "api" }.count == expected)
            }
            #expect(try await lab.renewals() == 0)
            try await lab.admin("POST", "expire-access-tokens")
            let (_, response) = try await URLSession.shared.data(for: request, session: session)
            #expect(response.statusCode == 200)
            #expect(try await lab.renewals() == 1)
        }
    }

    @Test func redirectWithinTheOriginGetsAProofOfItsOwn() async throws {
        try await withBoundLab { lab, session in
            try await session.login()
            try await lab.plan(
                #"{"endpoint": "api", "kind": {"redirect": {"status": 307, "location": "\#(lab.about.apiURL.absoluteString)"}}}"#)
            let (_, response) = try await URLSession.shared.data(for: URLRequest(url: lab.about.apiURL), session: session)
            #expect(response.statusCode == 200)
            #expect(try await lab.requests().filter { $0.endpoint == "api" }.count == 2)
            #expect(try await lab.renewals() == 0)
        }
    }

    @Test func clientOfTheAppsOwnGetsTheFieldsOfOneRequestAndHandsANonceBack() async throws {
        try await withBoundLab { lab, session in
            try await session.login()
            let first = try await session.authorize("GET", lab.about.apiURL)
            #expect(first.headers.map(\.name) == ["Authorization", "DPoP"])
            #expect(!"\(first) \(first.headers)".contains(first.headers[0].value))
            let nonce = [HTTPHeader(name: "DPoP-Nonce", value: "nonce")]
            #expect(try await session.after(first, status: 200, headers: nonce) == nil)
            let second = try #require(try await session.after(first, status: 401, headers: nonce))
            #expect(second.headers[0] == first.headers[0] && second.headers[1] != first.headers[1])
            let elsewhere = URL(string: "https://elsewhere.example/")!
            #expect(await thrown { try await session.authorize("GET", elsewhere) }?.code == "api_origins")
            let madeUp = Authorization(headers: [])
            #expect(await thrown { try await session.after(madeUp, status: 401, headers: []) }?.code == "authorization")
            #expect(await thrown { try await session.after(first, status: 70_000, headers: []) }?.code == "status")
        }
    }

    @Test func whatASignerGivesIsCheckedBeforeAnythingIsSent() async throws {
        for (length, code) in [(64, "signature_of_another_key"), (70, "storage_failed")] {
            try await withBoundLab(signer: NotedSigner(signatureLength: length)) { lab, session in
                #expect(await thrown { try await session.login() }?.code == code)
                let seen = try await lab.requests()
                #expect(seen.filter { $0.endpoint == "token" }.isEmpty)
            }
        }
    }

    @Test(arguments: [
        (SignerError.locked as any Error, "storage_locked"), (SignerError.failed, "storage_failed"),
        (SomethingElse(), "storage_failed"),
    ])
    func signerThatThrowsIsTroubleOfTheStore(failure: any Error, code: String) async throws {
        let signer = NotedSigner()
        signer.failure.withLock { $0 = failure }
        try await withBoundLab(signer: signer) { _, session in
            #expect(await thrown { try await session.login() }?.code == code)
        }
    }

    /// Answers nothing until it is told to stop.
    private final class SilentSigner: KeySigner {
        let identity = "silent"
        let wasStopped = Locked(false)

        func publicKey() async throws -> Data {
            defer { wasStopped.withLock { $0 = true } }
            try await Task.sleep(nanoseconds: 600_000_000_000)
            throw SignerError.failed
        }

        func sign(_ message: Data) async throws -> Data { throw SignerError.failed }
        func delete() async throws {}
    }

    @Test func signerThatNeverAnswersHasFailedAfterAMinuteAndIsToldToStop() async throws {
        let signer = SilentSigner()
        try await withBoundLab(signer: signer) { _, session in
            #expect(await thrown { try await session.login() }?.code == "storage_failed")
            while !signer.wasStopped.withLock({ $0 }) { try await Task.sleep(nanoseconds: 1_000_000) }
        }
    }

    @Test func tenantThatBindsNothingNamesTheSetting() async throws {
        try await withBoundLab(settings: ["dpop": false]) { _, session in
            #expect(await thrown { try await session.login() }?.code == "dpop")
            #expect(session.user == nil)
        }
    }

    @Test func signerOfAnotherAccountIsRefused() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        var config = lab.config()
        config.dpop = true
        let signer = NotedSigner()
        let home = try Session(config, account: "home", store: .memory, signer: signer)
        #expect(await thrown { try Session(config, account: "work", store: .memory, signer: signer) }?.code == "signer")
        let work = try Session(config, account: "work", store: .memory, signer: NotedSigner())
        withExtendedLifetime((home, work)) {}
    }
}
