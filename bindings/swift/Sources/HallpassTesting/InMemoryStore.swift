import Foundation
import Hallpass

/// A store in memory that several sessions can use one after the other, and that can be set to fail: for an app's tests of
/// a restart, of a locked device and of a full disk.
public final class InMemoryStore: SecureStore {
    private struct Contents {
        var values: [String: String] = [:]
        var failure: StoreError?
    }

    private let contents = Guarded(Contents())

    /// No two stores are the same.
    public let identity = "in memory \(UUID().uuidString)"

    /// An empty store.
    public init() {}

    /// What every method throws from now on; `nil` for nothing.
    public var failure: StoreError? {
        get { contents.withLock { $0.failure } }
        set { contents.withLock { $0.failure = newValue } }
    }

    /// How many entries there are.
    public var count: Int { contents.withLock { $0.values.count } }

    public func load(_ name: String) async throws -> String? { try whole { $0[name] } }

    public func save(_ value: String, under name: String) async throws { try whole { $0[name] = value } }

    public func delete(_ name: String) async throws { try whole { $0[name] = nil } }

    public func names() async throws -> [String] { try whole { $0.keys.sorted() } }

    private func whole<Result>(_ body: (inout [String: String]) -> Result) throws -> Result {
        try contents.withLock { contents in
            if let failure = contents.failure { throw failure }
            return body(&contents.values)
        }
    }
}

/// A value behind a lock.
final class Guarded<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
