import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import XCTest

/// What an answer of an API costs on its way across the border. The numbers that were measured are in ADR 7.
final class LargeBodyTests: XCTestCase {
    func testBodyOfAMebibyteCrossesInABlink() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let (network, api) = (URLSessionTransport(), lab.about.apiURL.absoluteString)
        // The API answers without a network, so that what is measured is the way of its answer: to the core, and back.
        let transport = FakeTransport { request in
            guard request.url.absoluteString.hasPrefix(api) else { return try await network.send(request) }
            let size = request.url.query.flatMap(Int.init) ?? 0
            return TransportResponse(status: 200, body: Data(count: size))
        }
        let session = try Session(lab.config(), store: .memory, browser: LabBrowser(), transport: transport)
        try await session.login()
        let empty = try await shortest(session, size: 0, api)
        let large = try await shortest(session, size: 1 << 20, api)
        print("call(): \(empty) with an empty answer, \(large) with one of 1 MiB")
        XCTAssertLessThan(large - empty, .seconds(1))
    }

    private func shortest(_ session: Session, size: Int, _ api: String) async throws -> Duration {
        let request = ApiRequest.get(try XCTUnwrap(URL(string: "\(api)?\(size)")))
        var shortest = Duration.seconds(60)
        for _ in 0..<10 {
            let start = ContinuousClock.now
            let reply = try await session.call(request)
            shortest = min(shortest, ContinuousClock.now - start)
            XCTAssertEqual(reply.body.count, size)
        }
        return shortest
    }
}
