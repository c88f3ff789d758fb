import Foundation
import Hallpass

/// A browser without a screen, for the pages of the lab's tenant: fetches the login page, fills in the form and submits it.
public struct LabBrowser: Browser {
    /// What the person does with the login page.
    public enum Person: Sendable {
        case signsIn(username: String, password: String)
        /// Presses *Cancel* on the page, which the tenant reports as `access_denied`.
        case cancels
    }

    /// A page that is not what it has to be.
    public struct UnexpectedPage: Error, CustomStringConvertible {
        public let description: String
    }

    private let person: Person
    private let transport = URLSessionTransport()

    /// A person at the browser; ada, unless given.
    public init(_ person: Person = .signsIn(username: "ada@example.com", password: "correct horse")) { self.person = person }

    public func open(_ url: URL, redirectURI: String) async throws -> URL {
        switch try await travel(TransportRequest(method: "GET", url: url, maxResponseBytes: 1 << 20), until: redirectURI) {
        case .left(let url): return url
        case .page(let page, let base):
            guard case .left(let url) = try await travel(submission(of: page, base), until: redirectURI) else {
                throw UnexpectedPage(description: "the form led to another page")
            }
            return url
        }
    }

    private enum Arrival {
        case page(String, URL)
        case left(URL)
    }

    private func travel(_ first: TransportRequest, until home: String) async throws -> Arrival {
        var request = first
        for _ in 0..<10 {
            let answer = try await transport.send(request)
            let location = answer.headers.first { $0.name.lowercased() == "location" }?.value
            guard (300..<400).contains(answer.status), let location else {
                guard answer.status == 200 else { throw UnexpectedPage(description: "status \(answer.status)") }
                return .page(String(decoding: answer.body, as: UTF8.self), request.url)
            }
            guard let next = URL(string: location, relativeTo: request.url)?.absoluteURL else {
                throw UnexpectedPage(description: "a redirect to no URL")
            }
            if next.absoluteString.hasPrefix(home) { return .left(next) }
            request = TransportRequest(method: "GET", url: next, maxResponseBytes: 1 << 20)
        }
        throw UnexpectedPage(description: "too many redirects")
    }

    private func submission(of page: String, _ base: URL) throws -> TransportRequest {
        guard let action = page.firstMatch(of: /<form[^>]*action="([^"]+)"/)?.1,
            let transaction = page.firstMatch(of: /name="transaction" value="([^"]+)"/)?.1,
            let url = URL(string: String(action), relativeTo: base)?.absoluteURL
        else { throw UnexpectedPage(description: "there is no login form") }
        var fields = ["transaction": String(transaction)]
        switch person {
        case .signsIn(let username, let password):
            fields["username"] = username
            fields["password"] = password
        case .cancels: fields["action"] = "cancel"
        }
        return TransportRequest(
            method: "POST", url: url,
            headers: [HTTPHeader(name: "Content-Type", value: "application/x-www-form-urlencoded")],
            body: Data(fields.map { "\($0)=\(encoded($1))" }.joined(separator: "&").utf8), maxResponseBytes: 1 << 20)
    }

    private func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
