#if canImport(CryptoKit)
import CryptoKit
import Foundation
import Security

/// A P-256 key in the Secure Enclave, which signs there and never leaves it.
///
/// ```swift
/// config.dpop = true
/// let session = try Session(config, account: "work", signer: SecureEnclaveSigner(account: "work"))
/// ```
///
/// It can be used after the first unlock, so that tokens can be renewed in the background. What is kept in a file, out of
/// backups, is the Enclave's own encrypted form of it, which is useless on another device.
public struct SecureEnclaveSigner: KeySigner {
    /// Files and the Enclave take tens of milliseconds, and the threads of Swift's tasks are few.
    private static let queue = DispatchQueue(label: "hallpass.secure-enclave")

    private let file: URL

    /// The file of the key: two signers on one file are one key.
    public var identity: String { "secure enclave:\(file.standardizedFileURL.path)" }

    /// The key of one account; `nil` where there is no Secure Enclave, as on a simulator. Without a signer, a session keeps
    /// a key in software in its store, which is the Keychain.
    ///
    /// - Parameters:
    ///   - account: the account of its session, as in `Session.init`. Each account has its own key.
    ///   - folder: where its sealed form is kept; the app's Application Support folder when `nil`.
    public init?(account: String? = nil, folder: URL? = nil) {
        let suffix = account.map { $0 == "default" ? "" : ".\($0)" } ?? ""
        self.init(name: "hallpass.signer\(suffix)", folder: folder)
    }

    /// A key under another name.
    ///
    /// - Parameters:
    ///   - name: the name of the key, which no other account has; valid as a file name.
    ///   - folder: as above.
    public init?(name: String, folder: URL? = nil) {
        guard SecureEnclave.isAvailable else { return nil }
        let support = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask).first
        guard let folder = folder ?? support else { return nil }
        file = folder.appendingPathComponent("\(name).key")
    }

    public func publicKey() async throws -> Data {
        try await blocking { try (existing() ?? create()).publicKey.x963Representation }
    }

    public func sign(_ message: Data) async throws -> Data {
        try await blocking {
            guard let key = try existing() else { throw SignerError.invalidated }
            return try key.signature(for: message).rawRepresentation
        }
    }

    public func delete() async throws {
        try await blocking {
            if FileManager.default.fileExists(atPath: file.path) { try FileManager.default.removeItem(at: file) }
        }
    }

    private func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result { try work() }.mapError(SignerError.init)) }
        }
    }

    private func existing() throws -> SecureEnclave.P256.Signing.PrivateKey? {
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        // Before the first unlock the file is there and cannot be read.
        guard let sealed = try? Data(contentsOf: file) else { throw SignerError.locked }
        return try SecureEnclave.P256.Signing.PrivateKey(dataRepresentation: sealed)
    }

    private func create() throws -> SecureEnclave.P256.Signing.PrivateKey {
        let protection = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
        guard let access = SecAccessControlCreateWithFlags(nil, protection, .privateKeyUsage, nil) else { throw SignerError.failed }
        let key = try SecureEnclave.P256.Signing.PrivateKey(accessControl: access)
        let folder = file.deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try key.dataRepresentation.write(to: file, options: [.atomic])
        try keepOutOfBackups()
        return key
    }

    private func keepOutOfBackups() throws {
        #if !os(Linux)
        var (values, file) = (URLResourceValues(), file)
        values.isExcludedFromBackup = true
        try file.setResourceValues(values)
        try FileManager.default.setAttributes(
            [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication], ofItemAtPath: file.path)
        #endif
    }
}

extension SignerError {
    /// Final is only what says that the stored form is no key. What the Enclave itself answers comes wrapped, whether it is busy,
    /// restarting or sealed the key for another device, and it is tried again; a logout makes room for another key.
    fileprivate init(_ error: any Error) {
        if let error = error as? SignerError {
            self = error
        } else if let error = error as? CryptoKitError {
            switch error {
            case .incorrectKeySize, .incorrectParameterSize: self = .invalidated
            default: self = .failed
            }
        } else {
            let error = error as NSError
            let isLocked = error.domain == NSOSStatusErrorDomain && error.code == Int(errSecInteractionNotAllowed)
            self = isLocked ? .locked : .failed
        }
    }
}
#endif
