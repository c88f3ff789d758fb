#if HALLPASS_STUBS
import CryptoKit
import Foundation
import Security
import Testing

@testable import Hallpass

/// The key in the Secure Enclave, over the stub of one. The stub fails on cue for all tests at once.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct SecureEnclaveSignerTests {
    @Test func keyOfTheEnclaveOutlivesItsSignerAndADeletedOneDoesNot() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let signer = try #require(SecureEnclaveSigner(folder: folder))
        await #expect(throws: SignerError.invalidated) { try await signer.sign(Data([1])) }
        let key = try await signer.publicKey()
        let other = try #require(SecureEnclaveSigner(folder: folder))
        #expect(try await other.publicKey() == key)
        #expect(try await other.sign(Data([1])).count == 64)
        for _ in 0..<2 { try await other.delete() }
        await #expect(throws: SignerError.invalidated) { try await signer.sign(Data([1])) }
        #expect(try await signer.publicKey() != key)
    }

    @Test func accountsHaveKeysOfTheirOwnAndTheIdentityTellsThemApart() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let home = try #require(SecureEnclaveSigner(folder: folder))
        let work = try #require(SecureEnclaveSigner(account: "work", folder: folder))
        #expect(home.identity != work.identity)
        for same in [SecureEnclaveSigner(account: "default", folder: folder), SecureEnclaveSigner(name: "hallpass.signer", folder: folder)] {
            #expect(same?.identity == home.identity)
        }
        let key = try await home.publicKey()
        #expect(try await work.publicKey() != key)
        // A logout of one account deletes its own key alone.
        try await work.delete()
        #expect(try await home.publicKey() == key)
    }

    @Test func enclaveThatIsLockedIsToldFromAKeyThatItDoesNotTake() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let signer = try #require(SecureEnclaveSigner(name: "key", folder: folder))
        let key = try await signer.publicKey()
        SecureEnclave.failure.plan(NSError(domain: NSOSStatusErrorDomain, code: Int(errSecInteractionNotAllowed)))
        await #expect(throws: SignerError.locked) { try await signer.sign(Data([1])) }
        #expect(try await signer.publicKey() == key)
        try Data("damaged".utf8).write(to: folder.appendingPathComponent("key.key"))
        await #expect(throws: SignerError.invalidated) { try await signer.publicKey() }
        try await signer.delete()
        #expect(try await signer.publicKey() != key)
    }

    @Test func enclaveIsWaitedForOnAThreadOfItsOwn() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let signer = try #require(SecureEnclaveSigner(name: "key", folder: folder))
        _ = try await signer.publicKey()
        let isInTask = Locked<[Bool]>([])
        SecureEnclave.used.plan { withUnsafeCurrentTask { task in isInTask.withLock { $0.append(task != nil) } } }
        defer { SecureEnclave.used.plan(nil) }
        _ = try await signer.sign(Data([1]))
        #expect(isInTask.withLock { $0 } == [false])
    }

    /// `underlyingCoreCryptoError` is a wrapper: the Enclave being busy or restarted comes as one, too.
    @Test func errorThatNamesNoLostKeyEndsNoSession() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let signer = try #require(SecureEnclaveSigner(name: "key", folder: folder))
        let key = try await signer.publicKey()
        let passing: [any Error] = [
            CryptoKitError.underlyingCoreCryptoError(error: -3), CryptoKitError.authenticationFailure,
            NSError(domain: NSOSStatusErrorDomain, code: -536_870_212), NSError(domain: "com.example", code: Int(errSecInteractionNotAllowed)),
        ]
        for error in passing {
            SecureEnclave.failure.plan(error)
            await #expect(throws: SignerError.failed) { try await signer.publicKey() }
            SecureEnclave.failure.plan(error)
            await #expect(throws: SignerError.failed) { try await signer.sign(Data([1])) }
        }
        for error in [CryptoKitError.incorrectKeySize, .incorrectParameterSize] {
            SecureEnclave.failure.plan(error)
            await #expect(throws: SignerError.invalidated) { try await signer.sign(Data([1])) }
        }
        #expect(try await signer.publicKey() == key)
    }
}
#endif
