#if os(Linux) || os(macOS)
import Foundation
import Hallpass

/// The tenant and the expenses API of the exercise: `lab serve` in a process of its own, on free ports of this machine.
///
/// It ends with ``stop()``, and with this process however that ends.
public final class LabServer: Sendable {
    /// Why there is no server.
    public enum Failure: Error, CustomStringConvertible {
        case noProgram(String)
        case didNotStart
        case refused(String)

        public var description: String {
            switch self {
            case .noProgram(let path): "there is no \(path): run `cargo build -p hallpass-lab`, or set HALLPASS_LAB"
            case .didNotStart: "`lab serve` did not answer in time"
            case .refused(let what): "the tenant's admin API refused: \(what)"
            }
        }
    }

    /// What the tenant tells about itself.
    public struct About: Decodable, Sendable {
        public let issuer: URL
        public let apiURL: URL
        public let clientID: String
        public let audience: String

        enum CodingKeys: String, CodingKey {
            case issuer, audience
            case apiURL = "api_url"
            case clientID = "client_id"
        }
    }

    /// The redirect URI that the lab's client has registered.
    public static let redirectURI = "com.example.hallpass.lab:/callback"

    /// What the tenant tells about itself.
    public let about: About
    private let shell: Shell
    private let transport = URLSessionTransport()

    /// Starts a server, and waits until it answers, for 30 seconds at most.
    public init() async throws {
        let program = Self.program
        guard FileManager.default.isExecutableFile(atPath: program) else { throw Failure.noProgram(program) }
        let (shell, base) = try Self.launch(program)
        self.shell = shell
        do {
            about = try await Self.awaitAnswer(URL(string: "admin/api", relativeTo: base)!, transport)
        } catch {
            shell.stop()
            throw error
        }
    }

    deinit { shell.stop() }

    /// Stops the server and waits until it has ended.
    public func stop() { shell.stop() }

    /// The settings for the lab's client. `offline` decides whether a refresh token is asked for.
    public func config(offline: Bool = true) -> Config {
        var config = Config.auth0(domain: about.issuer.absoluteString, clientID: about.clientID, redirectURI: Self.redirectURI)
        config.audience = about.audience
        config.scope = "openid profile read:reports" + (offline ? " offline_access" : "")
        config.apiOrigins = [about.apiURL.absoluteString]
        config.dangerAllowLoopbackHTTP = true
        return config
    }

    /// Changes settings of the tenant, as its README lists them.
    public func set(_ settings: [String: any Sendable]) async throws {
        try await admin("PATCH", "settings", body: try JSONSerialization.data(withJSONObject: settings))
    }

    /// Plans a fault, given as the JSON of the tenant's README; one is applied to each request that fits.
    public func plan(_ fault: String) async throws {
        try await admin("POST", "faults", body: Data(fault.utf8))
    }

    /// Sends any request of the admin API, and returns its answer.
    @discardableResult
    public func admin(_ method: String, _ path: String, body: Data = Data()) async throws -> Data {
        let request = TransportRequest(
            method: method, url: URL(string: "admin/api/\(path)", relativeTo: about.issuer)!.absoluteURL,
            headers: [HTTPHeader(name: "Content-Type", value: "application/json")], body: body,
            maxResponseBytes: 64 << 20)
        let answer = try await transport.send(request)
        guard answer.status == 200 else { throw Failure.refused("\(path): \(String(decoding: answer.body, as: UTF8.self))") }
        return answer.body
    }

    /// A request that the tenant or the API has seen.
    public struct Seen: Decodable, Sendable {
        public let endpoint: String
        public let method: String
        public let grantType: String?
        public let headers: [String: String?]
        public let parameters: [String: String]?

        enum CodingKeys: String, CodingKey {
            case endpoint, method, headers, parameters
            case grantType = "grant_type"
        }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            endpoint = try values.decode(String.self, forKey: .endpoint)
            method = try values.decode(String.self, forKey: .method)
            grantType = try values.decodeIfPresent(String.self, forKey: .grantType)
            headers = (try? values.decode([String: String?].self, forKey: .headers)) ?? [:]
            parameters = try? values.decode([String: String].self, forKey: .parameters)
        }
    }

    /// The requests so far, those of the admin API left out.
    public func requests() async throws -> [Seen] {
        try JSONDecoder().decode([Seen].self, from: try await admin("GET", "requests"))
    }

    /// How many renewals the token endpoint has seen.
    public func renewals() async throws -> Int {
        try await requests().filter { $0.grantType == "refresh_token" }.count
    }
}

extension LabServer {
    private static var program: String {
        if let named = ProcessInfo.processInfo.environment["HALLPASS_LAB"] { return named }
        let checkout = URL(fileURLWithPath: #filePath).pathComponents.dropLast(5)
        return NSString.path(withComponents: checkout + ["target", "debug", "lab"])
    }

    private static func launch(_ program: String) throws -> (Shell, URL) {
        let (first, second) = try (freePort(), freePort())
        let shell = try Shell(program, ["\(first)", "\(second)"])
        return (shell, URL(string: "http://127.0.0.1:\(first)/")!)
    }

    private static func awaitAnswer(_ url: URL, _ transport: URLSessionTransport) async throws -> About {
        let deadline = ContinuousClock.now + .seconds(30)
        let request = TransportRequest(method: "GET", url: url.absoluteURL, maxResponseBytes: 1 << 20)
        while ContinuousClock.now < deadline {
            if let answer = try? await transport.send(request), answer.status == 200 {
                return try JSONDecoder().decode(About.self, from: answer.body)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Failure.didNotStart
    }

    /// A port that was free a moment ago, and that no other server of this process is given. It is below those that the
    /// system gives to connections: one of these would be taken by somebody's request before the server listens.
    private static func freePort() throws -> UInt16 {
        for _ in 0..<100 {
            let port = ports.next()
            if isFree(port) { return port }
        }
        throw Failure.didNotStart
    }

    private static let ports = Ports()

    private final class Ports: @unchecked Sendable {
        private let lock = NSLock()
        private var last = UInt16.random(in: 20_000..<32_000)

        func next() -> UInt16 {
            lock.withLock {
                last = last < 31_999 ? last + 1 : 20_000
                return last
            }
        }
    }

    private static func isFree(_ port: UInt16) -> Bool {
        #if os(Linux)
        let stream = Int32(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        let listener = socket(AF_INET, stream, 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// The shell that stops the server, by its id, when the pipe from this process closes, however this process ends.
private final class Shell: @unchecked Sendable {
    /// Threads of the concurrency runtime block signals, and what they start inherits that: neither a request
    /// to end nor the end of a child would be noticed.
    private static let script = """
        "$0" serve --port "$1" --api-port "$2" < /dev/null > /dev/null & lab=$!
        read -r ended
        kill -KILL "$lab"
        """
    private static let turn = NSLock()

    private let process = Process()
    private let (life, end) = (Pipe(), Pipe())
    private let lock = NSLock()
    private var isStopped = false

    init(_ program: String, _ ports: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", Self.script, program] + ports
        process.standardInput = life
        process.standardOutput = end
        // One at a time, and with ends that stay here: a server that is started later must not keep this one alive.
        try Self.turn.withLock {
            for pipe in [life, end] {
                for handle in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
                    _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
                }
            }
            try process.run()
        }
    }

    /// Returns when the shell, and with it the server, has ended: its output ends then. (`waitUntilExit` needs the run loop of
    /// the thread that started the process.)
    func stop() {
        lock.withLock {
            guard !isStopped else { return }
            isStopped = true
            try? life.fileHandleForWriting.close()
            _ = try? end.fileHandleForReading.readToEnd()
        }
    }
}
#endif
