import Foundation
internal import HallpassBindings
import LabSupport
import Testing

@testable import Hallpass

/// What is printed, and what is converted.
struct ValueTests {
    private let secret = "eyJhbGciOi.secret.signature"

    /// Everything that a value can be turned into by printing it.
    private func printed(_ value: some Any) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return "\(value) \(String(describing: value)) \(String(reflecting: value)) \([value]) \(dumped)"
    }

    @Test func noPrintShowsAToken() {
        let credentials = Hallpass.Credentials(accessToken: secret, scope: "openid", expiresAt: .now)
        let header = HTTPHeader(name: "Authorization", value: "Bearer \(secret)")
        let url = URL(string: "https://api.example.com/?token=\(secret)")!
        let request = ApiRequest("POST", url, headers: [header], body: Data(secret.utf8))
        let values: [Any] = [
            credentials, header, request, ApiReply(status: 200, headers: [header], body: Data(secret.utf8)),
            TransportRequest(method: "POST", url: url, headers: [header], body: Data(secret.utf8), maxResponseBytes: 1),
            TransportResponse(status: 200, headers: [header], body: Data(secret.utf8)),
        ]
        for value in values {
            let text = printed(value)
            #expect(!text.contains("secret"), "\(text)")
            #expect(!text.contains(Data(secret.utf8).base64EncodedString()))
        }
        #expect("\(credentials)".contains("[redacted]") && "\(credentials)".contains("openid"))
    }

    @Test func noPrintShowsATokenOrAPersonWithinAnotherValue() throws {
        struct Screen {
            let credentials: Hallpass.Credentials?
            let state: Hallpass.Session.State
            let requests: [String: [Hallpass.ApiRequest]]
            let outcome: Result<Hallpass.Credentials, Hallpass.HallpassError>
        }
        final class Holder {
            let screen: Screen
            init(_ screen: Screen) { self.screen = screen }
        }
        let credentials = Hallpass.Credentials(accessToken: secret, scope: "openid", expiresAt: .now)
        let url = URL(string: "https://api.example.com/?token=\(secret)")!
        let user = Hallpass.User(sub: "auth0|1", name: "secret name", claimsJSON: #"{"email":"secret@example.com"}"#)
        var options = Hallpass.LoginOptions()
        options.loginHint = "secret@example.com"
        options.invitation = secret
        let screen = Screen(
            credentials: credentials, state: .signedIn(user), requests: ["sent": [.get(url)]], outcome: .success(credentials))
        let values: [Any] = [
            screen, Holder(screen), [user], options, Hallpass.StartedLogin(url: url, state: secret), (credentials, user),
            Optional(credentials) as Any, Result<Hallpass.User, Hallpass.HallpassError>.success(user),
        ]
        for value in values {
            let text = printed(value)
            #expect(!text.contains("secret"), "\(text)")
        }
    }

    @Test func errorsShowTheirCodesAndNothingElse() {
        let errors: [(Hallpass.HallpassError, String)] = [
            (.denied(code: "access_denied", words: ServerWords(code: "secret", description: "secret")), "access_denied"),
            (.stepUpRequired(StepUp(acrValues: "gold", maxAge: .seconds(5))), "insufficient_user_authentication"), (.untrusted(check: "id_token_nonce"), "id_token_nonce"),
            (.offline(.rateLimited, retryAfter: .seconds(7)), "rate_limited"), (.loginRequired(.revoked), "revoked"),
            (.internal(reference: "border"), "border"),
        ]
        for (error, code) in errors {
            #expect(error.code == code)
            #expect(printed(error).contains(error.description) && !error.description.contains("\n"))
            // What Foundation makes of it for a log or an alert.
            #expect((error as NSError).localizedDescription == error.description)
        }
    }

    @Test func generatedRecordsShowNoTokenEither() {
        let header = HttpHeader(name: "Authorization", value: secret)
        let request = CredentialsRequest(minTtlMilliseconds: 0, audience: nil, scope: nil)
        let values: [any CustomStringConvertible & CustomDebugStringConvertible] = [
            HallpassBindings.Credentials(accessToken: secret, tokenType: "Bearer", scope: "", expiresAt: nil, renewed: false),
            header, HttpRequest(method: "POST", url: secret, headers: [header], body: Data(secret.utf8), maxResponseBytes: 1),
            HttpResponse(status: 200, headers: [header], body: Data(secret.utf8)),
            HallpassBindings.ApiRequest(method: "POST", url: secret, headers: [header], body: Data(), credentials: request),
            HallpassBindings.ApiReply(status: 200, headers: [header], body: Data(), renewals: 0),
        ]
        for value in values { #expect(!"\(value.description) \(value.debugDescription)".contains("secret")) }
    }

    @Test(arguments: [
        (Duration.seconds(60), UInt64(60_000)), (.milliseconds(1), 1), (.microseconds(999), 0), (.seconds(-5), 0), (.zero, 0),
        (.seconds(Int64.max), UInt64(Int64.max)), (.seconds(Int64.min), 0),
    ])
    func durationCrossesAsWholeMilliseconds(duration: Duration, milliseconds: UInt64) {
        #expect(duration.wholeMilliseconds == milliseconds)
    }

    @Test func durationCrossesAsWholeSeconds() {
        #expect(Duration.milliseconds(1999).wholeSeconds == 1)
        #expect(Duration.seconds(-1).wholeSeconds == 0)
        #expect(Duration.milliseconds(-1500).signedMilliseconds == -1500)
    }

    @Test func apiRequestWithAJsonBodySaysSo() throws {
        let request = try ApiRequest.post(URL(string: "https://api.example.com/")!, json: ["amount": 12])
        #expect(request.method == "POST" && String(decoding: request.body, as: UTF8.self) == #"{"amount":12}"#)
        #expect(request.headers == [HTTPHeader(name: "Content-Type", value: "application/json")])
        let reply = ApiReply(status: 200, body: request.body)
        #expect(try reply.decoded(as: [String: Int].self) == ["amount": 12])
    }
}
