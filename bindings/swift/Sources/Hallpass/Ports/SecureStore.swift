/// The app's own storage for secrets, which outlives the process; for ``Store/custom(_:)``.
///
/// A value is saved completely or not at all, and is durable when `save` returns. Methods may be called at the same time.
public protocol SecureStore: Sendable {
    /// Names the storage behind this store: two stores with the same identity see each other's entries. It does not
    /// change.
    var identity: String { get }

    /// Returns the value last saved under `name`; `nil` when there is none.
    ///
    /// - Throws: ``StoreError``; an error never means absent. Any other error counts as ``StoreError/failed``.
    func load(_ name: String) async throws -> String?

    /// Saves `value` under `name` and replaces the previous value. Names are ASCII, and valid as file names.
    ///
    /// - Throws: as ``load(_:)``; the previous value is then still there.
    func save(_ value: String, under name: String) async throws

    /// Deletes the value under `name`; no error if there is none.
    ///
    /// - Throws: as ``load(_:)``; the value is then still there.
    func delete(_ name: String) async throws

    /// Returns the names of all entries.
    ///
    /// - Throws: as ``load(_:)``.
    func names() async throws -> [String]
}

/// Why a store failed.
public enum StoreError: Error, Sendable, Hashable {
    /// It is locked for now, such as before the device is first unlocked. The session waits.
    case locked
    /// Its key is gone, and what it held can never be read again. A login is required.
    case invalidated
    /// Anything else. It is tried again.
    case failed
}
