import Foundation
import Hallpass

/// A transport whose requests are counted by method and URL.
final class CountingTransport: Transport, @unchecked Sendable {
    private let inner = URLSessionTransport()
    private let lock = NSLock()
    private var sent: [String: Int64] = [:]
    private var broughtRefreshToken = false
    /// What only the exchange of a code has in its body.
    private static let grants = ["authorization_code", "grant-type%3Adevice_code", "grant-type:device_code"]

    /// How often each was sent, such as `"POST http://127.0.0.1:3000/oauth/token"`.
    var requests: [String: Int64] { lock.withLock { sent } }

    /// Whether the answer to the latest exchange of a code had a refresh token in it: the core shows it to nobody.
    var hasRefreshToken: Bool { lock.withLock { broughtRefreshToken } }

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        let place = request.url.absoluteString.prefix { $0 != "?" && $0 != "#" }
        lock.withLock { sent["\(request.method) \(place)", default: 0] += 1 }
        let response = try await inner.send(request)
        if request.method == "POST", Self.grants.contains(where: { request.body.range(of: Data($0.utf8)) != nil }) {
            let answer = JSON(text: String(decoding: response.body, as: UTF8.self))
            let brought = if case .object(let members)? = answer, case .string(let token)? = members["refresh_token"] {
                response.status == 200 && !token.isEmpty
            } else {
                false
            }
            lock.withLock { broughtRefreshToken = brought }
        }
        return response
    }
}

/// Where entries are kept.
protocol Entries: SecureStore {}

/// A store whose reads and writes are counted.
final class CountingStore: SecureStore, @unchecked Sendable {
    private let inner: any Entries
    private let lock = NSLock()
    private var (reads, writes, deletes) = (Int64(0), Int64(0), Int64(0))

    init(_ inner: any Entries) { self.inner = inner }

    var counters: [String: JSON] {
        lock.withLock { ["reads": .integer(reads), "writes": .integer(writes), "deletes": .integer(deletes)] }
    }

    var identity: String { inner.identity }

    func load(_ name: String) async throws -> String? {
        lock.withLock { reads += 1 }
        return try await inner.load(name)
    }

    func save(_ value: String, under name: String) async throws {
        lock.withLock { writes += 1 }
        try await inner.save(value, under: name)
    }

    func delete(_ name: String) async throws {
        lock.withLock { deletes += 1 }
        try await inner.delete(name)
    }

    func names() async throws -> [String] { try await inner.names() }
}

/// Entries in memory.
actor MemoryEntries: Entries {
    nonisolated let identity = "memory \(UUID().uuidString)"
    private var values: [String: String] = [:]

    func load(_ name: String) -> String? { values[name] }
    func save(_ value: String, under name: String) { values[name] = value }
    func delete(_ name: String) { values[name] = nil }
    func names() -> [String] { values.keys.sorted() }
}

/// Entries as files of a folder, laid out as the core's own plain files: several drivers, in any language, may share it.
struct PlainFiles: Entries {
    private let folder: URL

    var identity: String { "plain files:\(folder.path)" }

    /// Makes the folder when it is absent.
    init(_ path: String) throws {
        let url = URL(fileURLWithPath: path)
        do {
            let ownerOnly: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true, attributes: ownerOnly)
        } catch {
            throw HallpassError.storage(.failed, detail: "the folder cannot be made")
        }
        folder = url.resolvingSymlinksInPath()
    }

    func load(_ name: String) async throws -> String? {
        do {
            return try String(contentsOf: file(name), encoding: .utf8)
        } catch {
            guard FileManager.default.fileExists(atPath: folder.path), !FileManager.default.fileExists(atPath: file(name).path)
            else { throw StoreError.failed }
            return nil
        }
    }

    /// Written beside the entry, made durable and renamed into its place, so that a reader sees the old value or the new one,
    /// and so does whoever comes after the power has failed.
    func save(_ value: String, under name: String) async throws {
        let staged = folder.appendingPathComponent(".\(name).\(UUID().uuidString)")
        let ownerOnly: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        guard FileManager.default.createFile(atPath: staged.path, contents: Data(value.utf8), attributes: ownerOnly),
            isDurable(staged), rename(staged.path, file(name).path) == 0, isDurable(folder)
        else {
            try? FileManager.default.removeItem(at: staged)
            throw StoreError.failed
        }
    }

    /// Asks the system to write a file, or the names in a folder, to the disk.
    private func isDurable(_ place: URL) -> Bool {
        let descriptor = open(place.path, O_RDONLY)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    func delete(_ name: String) async throws {
        guard unlink(file(name).path) == 0 || errno == ENOENT else { throw StoreError.failed }
    }

    func names() async throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }
    }

    private func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
}
