import Foundation
import Hallpass
import HallpassTesting
import LabModel
import LabSupport
import Security
import XCTest

/// The Keychain as a session uses it: through the bindings, within the app, whose entitlements these tests have. They need
/// `lab serve` on this Mac, as the app does.
final class KeychainTests: XCTestCase {
    /// Each test's own; nothing of the app's is touched.
    private let service = "com.example.hallpass.lab.tests.\(UUID().uuidString)"
    private let config = LabSettings().config

    override func tearDown() {
        SecItemDelete(query([:]))
    }

    func testLoginIsStoredForThisDeviceOnlyFromTheFirstUnlockOn() async throws {
        let session = try open()
        try await session.login()
        let stored = try items()
        XCTAssertFalse(stored.isEmpty)
        for item in stored {
            XCTAssertEqual(
                item[kSecAttrAccessible as String] as? String, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly as String)
            XCTAssertNotEqual(item[kSecAttrSynchronizable as String] as? Bool, true)
            // The group of the entitlements, with the team's prefix before it.
            let group = try XCTUnwrap(item[kSecAttrAccessGroup as String] as? String)
            XCTAssertTrue(group.hasSuffix("com.example.hallpass.lab"), group)
        }
    }

    func testSessionOpenedAgainHasItsUserAndItsTokenAndSendsNothing() async throws {
        var first: Session? = try open()
        let user = try await XCTUnwrap(first).login()
        let credentials = try await XCTUnwrap(first).credentials()
        first = nil
        let silent = FakeTransport { _ in throw TransportError.unreachable }
        let second = try await reopened(transport: silent)
        let state = try await second.restored()
        XCTAssertEqual(state, .signedIn(user))
        let again = try await second.credentials()
        XCTAssertEqual(again.accessToken, credentials.accessToken)
        XCTAssertTrue(silent.requests.isEmpty)
    }

    func testRenewalTakesThePlaceOfWhatWasStored() async throws {
        var first: Session? = try open()
        try await XCTUnwrap(first).login()
        let before = try items().count
        let renewed = try await XCTUnwrap(first).renew()
        XCTAssertEqual(try items().count, before)
        first = nil
        let again = try await reopened().credentials()
        XCTAssertEqual(again.accessToken, renewed.accessToken)
    }

    func testAccountsAreStoredApart() async throws {
        let (home, work) = (try open(account: "home"), try open(account: "work"))
        try await home.login()
        try await work.login()
        let accounts = try await Session.accounts(config, store: .keychain(service: service))
        XCTAssertEqual(accounts, ["home", "work"])
        try await home.logout()
        let token = try await work.credentials()
        XCTAssertFalse(token.accessToken.isEmpty)
    }

    func testLogoutIsStillOneInTheNextSession() async throws {
        var first: Session? = try open()
        try await XCTUnwrap(first).login()
        try await XCTUnwrap(first).logout()
        first = nil
        let second = try await reopened()
        let state = try await second.restored()
        guard case .signedOut = state else { return XCTFail("\(state)") }
        let error = await thrown { try await second.credentials() }
        guard case .loginRequired = error else { return XCTFail("\(String(describing: error))") }
    }

    func testGroupThatIsNotTheAppsIsAStorageErrorAndSignsNobodyOut() async throws {
        let store = Store.keychain(service: service, accessGroup: "com.example.not.ours")
        let session = try Session(config, store: store, browser: LabBrowser())
        let error = await thrown { try await session.credentials() }
        guard case .storage(.failed, let detail) = error else { return XCTFail("\(String(describing: error))") }
        // What to do about it, and the status to search for.
        XCTAssertTrue(detail.contains("OSStatus -34018"), detail)
        guard case .restoring = session.state else { return XCTFail("\(session.state)") }
    }

    private func open(account: String? = nil, transport: (any Transport)? = nil) throws(HallpassError) -> Session {
        try Session(
            config, account: account, store: .keychain(service: service), browser: LabBrowser(), transport: transport)
    }

    /// The next session on the account. The one before is gone a moment after its last owner is.
    private func reopened(transport: (any Transport)? = nil) async throws -> Session {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do {
                return try open(transport: transport)
            } catch {
                guard error.code == "account", ContinuousClock.now < deadline else { throw error }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func thrown(_ verb: () async throws -> some Any) async -> HallpassError? {
        do {
            _ = try await verb()
            return nil
        } catch {
            return error as? HallpassError
        }
    }

    /// The attributes of what is stored.
    private func items() throws -> [[String: Any]] {
        var found: CFTypeRef?
        let status = SecItemCopyMatching(
            query([kSecMatchLimit as String: kSecMatchLimitAll, kSecReturnAttributes as String: true]), &found)
        XCTAssertEqual(status, errSecSuccess)
        return try XCTUnwrap(found as? [[String: Any]])
    }

    private func query(_ more: [String: Any]) -> CFDictionary {
        let ours: [String: Any] = [kSecClass as String: kSecClassGenericPassword, kSecAttrService as String: service]
        return ours.merging(more) { $1 } as CFDictionary
    }
}
