import Foundation
import Hallpass

/// The sessions that are open, by name, and the one clock that they share.
actor Driver {
    private let clock = ShiftedClock()
    private var shifted = Duration.zero
    private var sessions: [String: OpenSession] = [:]
    private var opened = 0

    /// Does what a request asks for, and returns the result.
    func perform(_ request: Request) async throws -> JSON {
        let members = request.members
        // Arguments are read before the session is looked for: a mistake in a line is told as one, whatever it is about.
        switch request.operation {
        case "open": return try await open(members)
        case "advance": return try advance(members)
        case "close": return try await close(members)
        case "counters": return try session(members).counters
        case "login_start":
            let options = try LoginOptions(members)
            let started = try await session(members).session.startLogin(options)
            return .object(["url": .string(started.url.absoluteString), "state": .string(started.state)])
        case "login_finish":
            let callback = try members.string("callback")
            let open = try session(members)
            let user = try await open.session.resume(callback: callback)
            return await open.signedIn(user, now: Date.now.addingTimeInterval(shifted / .seconds(1)))
        case "device_start":
            let options = try LoginOptions(members)
            return try await session(members).startDeviceLogin(options)
        case "device_finish":
            let open = try session(members)
            let user = try await open.endOfDeviceLogin()
            return await open.signedIn(user, now: Date.now.addingTimeInterval(shifted / .seconds(1)))
        case "login_cancel": try await session(members).session.cancelLogin()
        case "credentials":
            let minTTL = try members.seconds("min_ttl") ?? Session.defaultMinTTL
            let (audience, scope) = (try members.text("audience"), try members.text("scope"))
            let session = try session(members).session
            return JSON(try await session.credentials(minTTL: minTTL, audience: audience, scope: scope))
        case "renew": return JSON(try await session(members).session.renew())
        case "userinfo": return .object(["claims": JSON(text: try await session(members).session.userinfo().claimsJSON) ?? .null])
        case "user": return .object(["user": try session(members).session.user.map { JSON($0) } ?? .null])
        case "state": return .object(["state": JSON(try session(members).session.state)])
        case "reload": return .object(["state": JSON(try await session(members).session.reload())])
        case "events":
            let count = try members.count("count") ?? 0
            return .object(["events": .array(try await session(members).events.taken(atLeast: count).map { JSON($0) })])
        case "call":
            let call = try ApiRequest(members)
            return JSON(try await session(members).session.call(call))
        case "revoke": try await session(members).session.revoke()
        case "logout_url":
            let place = try members.text("post_logout_redirect_uri")
            let url = try await session(members).session.logoutURL(returningTo: place)
            return .object(["url": .string(url.absoluteString)])
        case "logout":
            let outcome = try await session(members).session.logout()
            return .object(["erased": .bool(outcome.erased), "revoked": .bool(outcome.revoked)])
        default: throw Refusal(.unknownOp, "there is no operation `\(request.operation)`")
        }
        return .object([:])
    }

    private func open(_ members: Members) async throws -> JSON {
        guard let config = try members.members("config", known: Config.members) else { throw members.missing("config") }
        let open = try OpenSession(
            Config(config), store: try members.text("store") ?? "memory", account: try members.text("account"), clock)
        // When its store cannot be read now, the session is open all the same.
        _ = try? await open.session.restored()
        opened += 1
        let name = "s\(opened)"
        sessions[name] = open
        return .object(["session": .string(name), "state": JSON(open.session.state)])
    }

    private func session(_ members: Members) throws -> OpenSession {
        let name = try members.string("session")
        guard let open = sessions[name] else { throw Refusal(.unknownSession, "no session `\(name)` is open") }
        return open
    }

    private func advance(_ members: Members) throws -> JSON {
        let milliseconds = (try members.number("seconds") * 1000).rounded()
        let duration = Duration.milliseconds(Int64(exactly: milliseconds) ?? (milliseconds < 0 ? .min : .max))
        clock.advance(by: duration)
        shifted += duration
        return .object([:])
    }

    /// Waits until all work of the session has ended: then the account may be opened again.
    private func close(_ members: Members) async throws -> JSON {
        let name = try members.string("session")
        // It holds the session for as long as it waits.
        await sessions[name]?.cancelDeviceLogin()
        guard let transport = sessions.removeValue(forKey: name)?.weakTransport else {
            throw Refusal(.unknownSession, "no session `\(name)` is open")
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while transport.value != nil {
            guard ContinuousClock.now < deadline else {
                throw Refusal(.sessionBusy, "work of `\(name)` goes on after 60 seconds")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        return .object([:])
    }
}

/// A session, and what it has done to the outside.
final class OpenSession: Sendable {
    let session: Session
    let events: EventLog
    private let transport: CountingTransport
    private let store: CountingStore

    init(_ config: Config, store: String, account: String?, _ clock: ShiftedClock) throws {
        transport = CountingTransport()
        let folder = store.hasPrefix("file:") ? String(store.dropFirst("file:".count)) : nil
        switch folder {
        case nil where store == "memory": self.store = CountingStore(MemoryEntries())
        case let folder? where !folder.isEmpty: self.store = CountingStore(try PlainFiles(folder))
        default: throw Refusal(.notARequest, "`open`: `store` is `memory`, or `file:` and the path of a folder")
        }
        session = try Session(
            config, account: account, store: .custom(self.store), transport: transport,
            leaseDirectory: folder.map { URL(fileURLWithPath: $0) }, clock: clock)
        events = EventLog(session.events)
    }

    /// The device login that waits for its user, if there is one.
    private let device = DeviceLogin()

    /// Begins a device login, and returns what it shows.
    func startDeviceLogin(_ options: LoginOptions) async throws -> JSON {
        let (codes, show) = AsyncStream.makeStream(of: UserCode.self)
        let login = Task { [session] in
            defer { show.finish() }
            return try await session.deviceLogin(options) { show.yield($0) }
        }
        for await code in codes {
            await device.begin(login)
            return .object([
                "user_code": .string(code.code), "verification_uri": .string(code.verificationURI.absoluteString),
                "verification_uri_complete": code.completeVerificationURI.map { .string($0.absoluteString) } ?? .null,
                "expires_in": .integer(code.lifetime.components.seconds),
            ])
        }
        // It ended before it had a code.
        _ = try await login.value
        return .object([:])
    }

    /// Ends the device login that waits.
    func cancelDeviceLogin() async { await device.take()?.cancel() }

    /// Waits until the user has entered the code.
    func endOfDeviceLogin() async throws -> User {
        guard let login = await device.take() else {
            throw Refusal(.notARequest, "`device_finish`: no device login was started")
        }
        return try await login.value
    }

    /// What the session has sent and stored.
    var counters: JSON {
        .object(["requests": .object(transport.requests.mapValues { .integer($0) }), "store": .object(store.counters)])
    }

    /// Gone when the core has let go of its ports.
    var weakTransport: WeakTransport { WeakTransport(transport) }

    /// What a login brought.
    func signedIn(_ user: User, now: Date) async -> JSON {
        // The token has just arrived, so this asks for what is there and sends nothing.
        let credentials = try? await session.credentials(minTTL: .zero)
        let left = credentials?.expiresAt?.timeIntervalSince(now)
        return .object([
            "claims": JSON(user), "scope": credentials.map { .string($0.scope) } ?? .null,
            "expires_in": left.map { .double(max(0, $0).rounded()) } ?? .null,
            "has_refresh_token": .bool(transport.hasRefreshToken),
        ])
    }
}

/// The device login of a session.
actor DeviceLogin {
    private var login: Task<User, any Error>?

    func begin(_ login: Task<User, any Error>) { self.login = login }

    func take() -> Task<User, any Error>? {
        defer { login = nil }
        return login
    }
}

struct WeakTransport: @unchecked Sendable {
    private(set) weak var value: CountingTransport?
    init(_ value: CountingTransport) { self.value = value }
}
