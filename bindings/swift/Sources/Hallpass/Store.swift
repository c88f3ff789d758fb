import Foundation

/// Where a session is stored.
public struct Store: Sendable {
    /// When an entry of the Keychain can be read.
    public enum Accessibility: Sendable, Hashable {
        /// From the first time that the device is unlocked after it booted, and on this device only
        /// (`kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly`).
        ///
        /// There is no other: with "when unlocked" a renewal in the background, a widget or an app extension would find
        /// the store locked, and without "this device only" a refresh token would travel with a backup.
        case afterFirstUnlockThisDeviceOnly
    }

    /// Which authentication it takes to read the session from the Keychain.
    ///
    /// A session is read when it is opened and before a renewal; ``Unlock`` says which of these reads show a prompt. With one, an
    /// extension or a refresh in the background cannot renew.
    public enum Biometry: Sendable, Hashable {
        /// None.
        case notRequired
        /// The user, by a finger, a face or the passcode.
        case userPresence
        /// The user, by any enrolled finger or face.
        case any
        /// The user, by a finger or face that was enrolled when the entry was saved. When the enrolment changes, the entry is
        /// gone: ``HallpassError/loginRequired(_:)`` with ``LoginReason/storageInvalidated``.
        case currentSet
    }

    /// For how long one prompt of ``Biometry`` lasts. It ends earlier when another process that shares the account saves its own
    /// renewal.
    public enum Unlock: Sendable, Hashable {
        /// Not at all: each read prompts, also one that no action of the user caused.
        case always
        /// This long from the prompt on, also while the device sleeps.
        case session(Duration)
        /// Until the process ends. Launch, first token and renewals cost one prompt in all.
        case appLifecycle
    }

    enum Kind: Sendable {
        case keychain(service: String, accessGroup: String?, biometry: Biometry, unlock: Unlock)
        case custom(any SecureStore)
        case memory
        case dangerPlainFiles(URL)
    }

    let kind: Kind

    /// The system's own secure store: the Keychain on Apple's systems (a generic password in the data-protection
    /// Keychain), the Secret Service on Linux.
    ///
    /// - Parameters:
    ///   - service: whose entries these are; the bundle identifier by default. An app and its extensions use the same.
    ///   - accessGroup: the access group that an app shares with its extensions, with its team's prefix, such as
    ///     `A1B2C3D4E5.com.example.shared`; each needs the entitlement.
    ///   - accessibility: when an entry can be read.
    ///   - biometry: which authentication it takes to read the session.
    ///   - unlock: for how long one prompt lasts.
    public static func keychain(
        service: String? = nil, accessGroup: String? = nil,
        accessibility: Accessibility = .afterFirstUnlockThisDeviceOnly, biometry: Biometry = .notRequired,
        unlock: Unlock = .appLifecycle
    ) -> Store {
        let own = service ?? Bundle.main.bundleIdentifier ?? ProcessInfo.processInfo.processName
        return Store(kind: .keychain(service: own, accessGroup: accessGroup, biometry: biometry, unlock: unlock))
    }

    /// A store of the app's own.
    public static func custom(_ store: some SecureStore) -> Store { Store(kind: .custom(store)) }

    /// This process's memory: each session has its own, which ends with it. For tests and previews.
    public static var memory: Store { Store(kind: .memory) }

    /// Plain text in a folder: everyone who can read the files can read the tokens. For tests and development.
    public static func dangerPlainFiles(_ folder: URL) -> Store { Store(kind: .dangerPlainFiles(folder)) }
}
