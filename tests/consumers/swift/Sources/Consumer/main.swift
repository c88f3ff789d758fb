// Login, and in a new process the stored session: API call, renewal, logout. Arguments: login|later ISSUER API FOLDER
import Foundation
import Hallpass

let redirectURI = "com.example.hallpass.lab:/callback"
let words = CommandLine.arguments
guard words.count == 5 else { fatalError("login|later ISSUER API FOLDER") }
let (phase, issuer, api, folder) = (words[1], URL(string: words[2])!, words[3], URL(fileURLWithPath: words[4]))

var config = Config.auth0(domain: issuer.absoluteString, clientID: "hallpass-lab", redirectURI: redirectURI)
config.scope = "openid profile read:reports offline_access"
config.audience = "https://expenses-api"
config.apiOrigins = [String(api.dropLast())]
config.dangerAllowLoopbackHTTP = true
let session = try Session(config, store: .dangerPlainFiles(folder), browser: Ada())
let url = URL(string: api + "expenses")!

if phase == "login" {
    try await admin("PATCH", "settings", #"{"refresh_token_rotation": true}"#)
    let user = try await session.login()
    print("login: \(user.name ?? "?")")
} else {
    guard case .signedIn = try await session.restored() else { fatalError("the session was not found again") }
    let credentials = try await session.credentials()
    let reply = try await session.call(.get(url))
    guard reply.status == 200, reply.renewals == 0 else { fatalError("the API was not called") }
    try await admin("POST", "expire-access-tokens", "{}")
    guard try await session.call(.get(url)).renewals == 1 else { fatalError("nothing was renewed") }
    let renewed = try await session.credentials()
    guard renewed.accessToken != credentials.accessToken else { fatalError("the access token is the old one") }
    try await session.logout()
    if (try? await session.credentials()) != nil { fatalError("a session after its logout") }
    print("restart, call, renewal, logout")
}

func admin(_ method: String, _ path: String, _ body: String) async throws {
    let answer = try await send(method, issuer.appendingPathComponent("admin/api/\(path)"), "application/json", body)
    guard answer.status == 200 else { fatalError("\(path): \(answer.status)") }
}

func send(_ method: String, _ url: URL, _ kind: String = "text/plain", _ body: String = "") async throws -> TransportResponse {
    let headers = body.isEmpty ? [] : [HTTPHeader(name: "Content-Type", value: kind)]
    return try await URLSessionTransport().send(
        TransportRequest(method: method, url: url, headers: headers, body: Data(body.utf8), maxResponseBytes: 1 << 20))
}

/// A browser in which Ada signs in as soon as she is asked.
struct Ada: Browser {
    /// Follows redirects to the login page, submits it, and follows them back to the app.
    func open(_ start: URL, redirectURI: String) async throws -> URL {
        var page = start
        var answer = try await send("GET", page)
        for _ in 0..<10 {
            if let location = answer.headers.first(where: { $0.name.lowercased() == "location" })?.value {
                page = URL(string: location, relativeTo: page)!.absoluteURL
                if location.hasPrefix(redirectURI) { return page }
                answer = try await send("GET", page)
            } else {
                let text = String(decoding: answer.body, as: UTF8.self)
                let rest = text.components(separatedBy: "name=\"transaction\" value=\"").last ?? ""
                let transaction = rest.components(separatedBy: "\"")[0]
                page = URL(string: "/u/login", relativeTo: page)!.absoluteURL
                answer = try await send(
                    "POST", page, "application/x-www-form-urlencoded",
                    "transaction=\(transaction)&username=ada%40example.com&password=correct+horse")
            }
        }
        throw BrowserError.failed()
    }
}
