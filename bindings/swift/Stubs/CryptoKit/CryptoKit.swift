import Foundation
import Security

// Declarations of what this package uses of Apple's CryptoKit; see the README beside this folder. The stub's keys are random
// bytes and its signatures prove nothing: what is tested with them is which key signs.

/// Why something did not work. What the Enclave says comes as `underlyingCoreCryptoError`, whatever the cause.
public enum CryptoKitError: Error {
    case incorrectKeySize
    case incorrectParameterSize
    case authenticationFailure
    case underlyingCoreCryptoError(error: Int32)
    case wrapFailure
    case unwrapFailure
    case invalidParameter
}

/// The curve.
public enum P256 {
    public enum Signing {
        public struct PublicKey: Sendable {
            public let x963Representation: Data
        }

        public struct ECDSASignature: Sendable {
            public let rawRepresentation: Data
        }
    }
}

/// The Secure Enclave. One that is there, so that what needs it is compiled and run.
public enum SecureEnclave {
    public static let isAvailable = true

    /// Not in Apple's: what the next use of a key throws; for tests.
    public static let failure = Failure()

    /// An error that is thrown once.
    public final class Failure: @unchecked Sendable {
        private let lock = NSLock()
        private var next: (any Error)?

        public func plan(_ error: any Error) { lock.withLock { next = error } }

        fileprivate func take() throws {
            let planned = lock.withLock {
                defer { next = nil }
                return next
            }
            if let planned { throw planned }
        }
    }

    /// Not in Apple's: what is called when a key is used, on the thread that uses it; for tests.
    public static let used = Used()

    public final class Used: @unchecked Sendable {
        private let lock = NSLock()
        private var block: (@Sendable () -> Void)?

        public func plan(_ block: (@Sendable () -> Void)?) { lock.withLock { self.block = block } }
        fileprivate func tell() { lock.withLock { block }?() }
    }

    public enum P256 {
        public enum Signing {
            public struct PrivateKey: Sendable {
                public let dataRepresentation: Data

                public init(accessControl: SecAccessControl) throws {
                    dataRepresentation = Data((0..<64).map { _ in UInt8.random(in: 0...255) })
                }

                public init(dataRepresentation: Data) throws {
                    try SecureEnclave.failure.take()
                    guard dataRepresentation.count == 64 else { throw CryptoKitError.incorrectParameterSize }
                    self.dataRepresentation = dataRepresentation
                }

                public var publicKey: CryptoKit.P256.Signing.PublicKey {
                    .init(x963Representation: Data([4]) + dataRepresentation)
                }

                /// The key's own bytes in the place of a signature.
                public func signature(for data: some DataProtocol) throws -> CryptoKit.P256.Signing.ECDSASignature {
                    SecureEnclave.used.tell()
                    try SecureEnclave.failure.take()
                    return .init(rawRepresentation: dataRepresentation)
                }
            }
        }
    }
}
