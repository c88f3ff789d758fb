import Foundation
import Hallpass
import HallpassTesting
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

// Every example of the README stands here as it stands there, and is compiled. ReadmeTests holds both together; what an
// example names without saying where it comes from is declared around it.

private func firstLogin() async throws {
    let session = try Session(.auth0(
        domain: "tenant.eu.auth0.com", clientID: "aBcD1234", redirectURI: "com.example.app:/callback"))

    let user = try await session.login()
    let credentials = try await session.credentials()   // renewed when it has to be
    try await session.logout()

    _ = (user, credentials)
}

/// Stands for SwiftUI's `View`, of which Linux has nothing.
private struct Screen {
    let session: Session
    @Kept var state = Session.State.restoring(nil)

    func task(_ action: @escaping () async -> Void) -> Screen { self }

    var body: Screen {
        self
            .task { for await state in session.states { self.state = state } }
    }

    @propertyWrapper final class Kept {
        var wrappedValue: Session.State
        init(wrappedValue: Session.State) { self.wrappedValue = wrappedValue }
    }
}

private struct Expense: Decodable {}

private func callAnAPI(session: Session, url: URL, request: URLRequest) async throws {
    var config = Config.auth0(domain: "tenant.eu.auth0.com", clientID: "aBcD1234", redirectURI: "com.example.app:/callback")
    config.audience = "https://expenses-api"
    config.apiOrigins = ["https://api.example.com"]     // the token goes nowhere else

    let reply = try await session.call(.get(url))
    let expenses = try reply.decoded(as: [Expense].self)

    let (data, response) = try await URLSession.shared.data(for: request, session: session)

    _ = (config, expenses, data, response)
}

private func stepUp(session: Session, request: ApiRequest) async throws {
    let reply: ApiReply
    do {
        reply = try await session.call(request)
    } catch {
        guard case .stepUpRequired(let stepUp) = error else { throw error }
        try await session.login(LoginOptions(stepUp))
        reply = try await session.call(request)
    }

    _ = reply
}

private func whatHappened(session: Session) async throws {
    try HallpassLog.send { line in print(line.message) }     // on Apple's systems also to: Logger(…)
    print(await session.report())
}

private func shared(config: Config, appGroupFolder: URL) throws {
    let session = try Session(
        config, store: .keychain(service: "com.example.app", accessGroup: "A1B2C3D4E5.com.example.shared"),
        leaseDirectory: appGroupFolder)     // the container of the app group, which FileManager knows

    _ = session
}

private func bound(given: Config) throws {
    var config = given

    config.dpop = true
    let session = try Session(config, signer: SecureEnclaveSigner())

    _ = session
}

private func tested(config: Config) throws {
    let store = InMemoryStore()
    let session = try Session(config, store: .custom(store), browser: FakeBrowser { page, redirectURI in
        throw BrowserError.cancelled
    })
    store.failure = .locked                 // a device that was not unlocked yet

    _ = session
}
