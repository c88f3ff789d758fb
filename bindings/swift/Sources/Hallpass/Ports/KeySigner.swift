import Foundation

/// A key pair on P-256 that access tokens are bound to (``Config/dpop``), one for each account.
///
/// It is created when it is first needed, and stays until it is deleted, also in the next process. Methods may be called at
/// the same time.
public protocol KeySigner: Sendable {
    /// Names the key, such as by its tag. Two signers with the same identity use the same key, and only one account of a process
    /// may: a logout of one would sign the other out.
    var identity: String { get }

    /// Returns the public half, made when there is none: 65 bytes, 0x04 and both coordinates (X9.63).
    ///
    /// - Throws: ``SignerError``. Any other error counts as ``SignerError/failed``.
    func publicKey() async throws -> Data

    /// Signs `message` with ECDSA over its SHA-256; returns 64 bytes, `r` and `s` (a raw representation), not DER.
    ///
    /// - Throws: as ``publicKey()``; ``SignerError/invalidated`` when there is no key.
    func sign(_ message: Data) async throws -> Data

    /// Deletes the key; no error if there is none.
    ///
    /// - Throws: as ``publicKey()``; the key is then still there.
    func delete() async throws
}

/// Why a signer failed.
public enum SignerError: Error, Sendable, Hashable {
    /// The key cannot be used now, such as before the device is first unlocked. It is tried again.
    case locked
    /// The key is gone for good, and tokens bound to it cannot be used. A login is required.
    case invalidated
    /// Anything else. It is tried again.
    case failed
}
