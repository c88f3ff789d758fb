#if os(Linux) || os(macOS)
import Foundation
import Hallpass
import LabSupport
import XCTest

/// The driver, as another program uses it: one line in, one line out.
final class DriveTests: XCTestCase {
    func testLinesThatAreNoRequestsAreToldWhy() throws {
        let drive = try Drive()
        for (line, code) in [
            ("nonsense", "not_json"), ("[1]", "not_a_request"), (#"{"op":"state"}"#, "not_a_request"),
            (#"{"id":1,"op":"fly"}"#, "unknown_op"), (#"{"id":1,"op":"state"}"#, "not_a_request"),
            (#"{"id":1,"op":"state","session":"s9"}"#, "unknown_session"),
            (#"{"id":1,"op":"renew","session":"s9","extra":1}"#, "not_a_request"),
        ] {
            let error = try XCTUnwrap(drive.answer(line)["error"] as? [String: Any])
            XCTAssertEqual(error["kind"] as? String, "InvalidRequest", line)
            XCTAssertEqual(error["code"] as? String, code, line)
        }
        drive.end()
    }

    func testExerciseIsPlayedThroughTheDriver() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let drive = try Drive()
        let config = """
            {"issuer":"\(lab.about.issuer)","client_id":"\(lab.about.clientID)","redirect_uri":"\(LabServer.redirectURI)",
            "dialect":"auth0","audience":"\(lab.about.audience)","scope":"openid profile read:reports offline_access",
            "api_origins":["\(lab.about.apiURL)"],"allow_loopback_http":true}
            """.replacingOccurrences(of: "\n", with: "")
        let opened = try drive.result(#"{"id":"a","op":"open","config":\#(config)}"#)
        XCTAssertEqual((opened["state"] as? [String: Any])?["reason"] as? String, "not_signed_in")
        let refused = try XCTUnwrap(drive.answer(#"{"id":2,"op":"renew","session":"s1"}"#)["error"] as? [String: Any])
        XCTAssertEqual(refused["kind"] as? String, "LoginRequired")
        XCTAssertEqual(refused["message"] as? String, "a login is required: no one is signed in")

        let started = try drive.result(#"{"id":3,"op":"login_start","session":"s1"}"#)
        let page = try XCTUnwrap(URL(string: try XCTUnwrap(started["url"] as? String)))
        let callback = try await LabBrowser().open(page, redirectURI: LabServer.redirectURI)
        let finished = try drive.result(#"{"id":4,"op":"login_finish","session":"s1","callback":"\#(callback.absoluteString)"}"#)
        XCTAssertEqual(finished["has_refresh_token"] as? Bool, true)
        XCTAssertEqual((finished["claims"] as? [String: Any])?["name"] as? String, "Ada Lovelace")

        let reloaded = try drive.result(#"{"id":"r","op":"reload","session":"s1"}"#)
        XCTAssertEqual((reloaded["state"] as? [String: Any])?["name"] as? String, "signed_in")
        let events = try drive.result(#"{"id":"e","op":"events","session":"s1","count":1}"#)
        XCTAssertEqual((events["events"] as? [[String: String]]), [["name": "signed_in"]])
        _ = try drive.result(#"{"id":5,"op":"advance","seconds":3600}"#)
        let credentials = try drive.result(#"{"id":6,"op":"credentials","session":"s1"}"#)
        XCTAssertEqual(credentials["renewed"] as? Bool, true)
        let reply = try drive.result(#"{"id":7,"op":"call","session":"s1","method":"GET","url":"\#(lab.about.apiURL)"}"#)
        XCTAssertEqual(reply["status"] as? Int, 200)
        let counters = try drive.result(#"{"id":8,"op":"counters","session":"s1"}"#)
        let requests = try XCTUnwrap(counters["requests"] as? [String: Any])
        XCTAssertEqual(requests["POST \(lab.about.issuer)oauth/token"] as? Int, 2)
        let loggedOut = try drive.result(#"{"id":9,"op":"logout","session":"s1"}"#)
        XCTAssertEqual(loggedOut["revoked"] as? Bool, true)
        _ = try drive.result(#"{"id":10,"op":"close","session":"s1"}"#)
        drive.end()
    }

    func testTokensAreBoundToAKeyWhenTheConfigurationSaysSo() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        try await lab.set(["api_dpop_nonce": "of-the-api"])
        let drive = try Drive()
        let config = """
            {"issuer":"\(lab.about.issuer)","client_id":"\(lab.about.clientID)","redirect_uri":"\(LabServer.redirectURI)",
            "dialect":"auth0","audience":"\(lab.about.audience)","scope":"openid profile read:reports offline_access",
            "api_origins":["\(lab.about.apiURL)"],"allow_loopback_http":true,"dpop":true}
            """.replacingOccurrences(of: "\n", with: "")
        _ = try drive.result(#"{"id":1,"op":"open","config":\#(config)}"#)
        let started = try drive.result(#"{"id":2,"op":"login_start","session":"s1"}"#)
        let page = try XCTUnwrap(URL(string: try XCTUnwrap(started["url"] as? String)))
        let callback = try await LabBrowser().open(page, redirectURI: LabServer.redirectURI)
        _ = try drive.result(#"{"id":3,"op":"login_finish","session":"s1","callback":"\#(callback.absoluteString)"}"#)
        let credentials = try drive.result(#"{"id":4,"op":"credentials","session":"s1"}"#)
        XCTAssertEqual(credentials["token_type"] as? String, "DPoP")
        let reply = try drive.result(#"{"id":5,"op":"call","session":"s1","method":"GET","url":"\#(lab.about.apiURL)"}"#)
        XCTAssertEqual(reply["status"] as? Int, 200)
        XCTAssertEqual(reply["renewals"] as? Int, 0)
        drive.end()
    }
}

private struct Ended: Error {}

/// A running `hallpass-drive`. It ends when its input does, so also when this process ends.
private final class Drive {
    private let process = Process()
    private let (input, output) = (Pipe(), Pipe())
    private var unread = Data()

    init() throws {
        process.executableURL = Self.products.appendingPathComponent("hallpass-drive")
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// Where what was built stands. On a Mac the tests are a bundle there, which Xcode's own `xctest` has loaded.
    private static var products: URL {
        #if os(macOS)
        Bundle(for: DriveTests.self).bundleURL.deletingLastPathComponent()
        #else
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        #endif
    }

    func end() { try? input.fileHandleForWriting.close() }

    func result(_ line: String) throws -> [String: Any] {
        let answer = try answer(line)
        return try XCTUnwrap(answer["ok"] as? [String: Any], "\(answer)")
    }

    func answer(_ line: String) throws -> [String: Any] {
        try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = unread[..<end]
                unread = Data(unread[unread.index(after: end)...])
                return try XCTUnwrap(try JSONSerialization.jsonObject(with: line) as? [String: Any])
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw Ended() }
            unread.append(more)
        }
    }
}

#endif
