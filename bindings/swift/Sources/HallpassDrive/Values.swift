import Foundation
import Hallpass

// The package's types from and to members.

extension Config {
    static let members: Set<String> = [
        "issuer", "client_id", "redirect_uri", "scope", "audience", "resource", "dialect", "allow_loopback_http", "max_age",
        "organization", "leeway_seconds", "login_lifetime_seconds", "api_origins", "post_logout_redirect_uri", "telemetry",
        "dpop", "par", "metadata_url", "issuer_template", "accept_missing_nonce", "allow_any_redirect_scheme",
    ]

    init(_ members: Members) throws(Refusal) {
        let issuer = try members.string("issuer")
        let provider: Provider =
            switch try members.text("dialect") ?? "oidc" {
            case "oidc": .openIDConnect(issuer: issuer)
            case "auth0": .auth0(domain: issuer)
            case let other: throw members.wrong("dialect", "`oidc` or `auth0`, not `\(other)`")
            }
        self.init(
            provider: provider, clientID: try members.string("client_id"), redirectURI: try members.string("redirect_uri"))
        scope = try members.text("scope")
        audience = try members.text("audience")
        resources = try members.texts("resource")
        organization = try members.text("organization")
        maxAge = try members.seconds("max_age")
        leeway = try members.seconds("leeway_seconds")
        loginLifetime = try members.seconds("login_lifetime_seconds")
        apiOrigins = try members.texts("api_origins")
        postLogoutRedirectURI = try members.text("post_logout_redirect_uri")
        telemetry = try members.bool("telemetry") ?? true
        dpop = try members.bool("dpop") ?? false
        par = try members.bool("par") ?? false
        metadataURL = try members.text("metadata_url")
        issuerTemplate = try members.text("issuer_template")
        dangerAcceptMissingNonce = try members.bool("accept_missing_nonce") ?? false
        dangerAllowAnyRedirectScheme = try members.bool("allow_any_redirect_scheme") ?? false
        dangerAllowLoopbackHTTP = try members.bool("allow_loopback_http") ?? false
    }
}

extension LoginOptions {
    private static let members: Set<String> = [
        "prompt", "scope", "audience", "resource", "login_hint", "ui_locales", "acr_values", "max_age", "organization", "invitation", "connection", "extra",
    ]

    init(_ request: Members) throws(Refusal) {
        self.init()
        guard let members = try request.members("params", known: Self.members) else { return }
        for name in try (members.text("prompt") ?? "").split(separator: " ") {
            guard let prompt = Prompt(rawValue: String(name)) else { throw members.wrong("prompt", "no `\(name)`") }
            self.prompt.insert(prompt)
        }
        scope = try members.text("scope")
        audience = try members.text("audience")
        resources = try members.texts("resource")
        loginHint = try members.text("login_hint")
        uiLocales = try members.text("ui_locales")
        acrValues = try members.text("acr_values")
        maxAge = try members.seconds("max_age")
        organization = try members.text("organization")
        invitation = try members.text("invitation")
        connection = try members.text("connection")
        extra = try members.map("extra")
    }
}

extension ApiRequest {
    private static let methods: Set<String> = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

    init(_ members: Members) throws {
        let method = try members.string("method")
        guard Self.methods.contains(method) else { throw members.wrong("method", "no `\(method)`") }
        guard let url = URL(string: try members.string("url")) else {
            throw HallpassError.misconfigured(field: "url", fix: "give an absolute URL")
        }
        let headers = try members.map("headers").sorted { $0.key < $1.key }
        self.init(
            method, url, headers: headers.map { HTTPHeader(name: $0.key, value: $0.value) },
            body: Data((try members.text("body") ?? "").utf8))
    }
}

extension JSON {
    init(_ credentials: Credentials) {
        self = .object([
            "access_token": .string(credentials.accessToken), "token_type": .string(credentials.tokenType),
            "expires_at": credentials.expiresAt.map { .integer(Int64($0.timeIntervalSince1970)) } ?? .null,
            "scope": .string(credentials.scope), "renewed": .bool(credentials.renewed),
        ])
    }

    /// The claims.
    init(_ user: User) { self = JSON(text: user.claimsJSON) ?? .null }

    init(_ state: Session.State) {
        self =
            switch state {
            case .restoring(nil): .object(["name": "restoring"])
            case .restoring(let problem?): .object(["name": "restoring", "problem": .string(problem.rawValue)])
            case .signedOut(let reason): .object(["name": "signed_out", "reason": .string(reason.rawValue)])
            case .signedIn(let user): .object(["name": "signed_in", "user": JSON(user)])
            case .loginRequired(let user, let reason):
                .object(["name": "login_required", "reason": .string(reason.rawValue), "user": JSON(user)])
            }
    }

    init(_ event: Session.Event) {
        self =
            switch event {
            case .signedIn: .object(["name": "signed_in"])
            case .renewed: .object(["name": "renewed"])
            case .renewalFailed(let isRetryable, let code):
                .object(["name": "renewal_failed", "retryable": .bool(isRetryable), "code": .string(code)])
            case .idTokenRejected(let check): .object(["name": "id_token_rejected", "check": .string(check)])
            case .signedOut(let reason): .object(["name": "signed_out", "reason": .string(reason.rawValue)])
            }
    }

    init(_ reply: ApiReply) {
        var headers: [String: JSON] = [:]
        for header in reply.headers {
            let name = header.name.lowercased()
            if case .string(let before)? = headers[name] {
                headers[name] = .string("\(before), \(header.value)")
            } else {
                headers[name] = .string(header.value)
            }
        }
        self = .object([
            "status": .integer(Int64(reply.status)), "headers": .object(headers),
            "body": .string(String(decoding: reply.body, as: UTF8.self)), "renewals": .integer(Int64(reply.renewals)),
        ])
    }
}
