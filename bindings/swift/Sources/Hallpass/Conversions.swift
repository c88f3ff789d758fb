import Foundation
internal import HallpassBindings

// Between this module's types and the generated ones. Exhaustive on purpose: a new case has to be placed here.

extension HallpassError {
    /// What the core, or the code that calls it, has thrown.
    init(crossing error: any Error) {
        guard let error = error as? HallpassBindings.HallpassError else {
            self = .internal(reference: "foreign_call_failed")
            return
        }
        switch error {
        case .Cancelled: self = .cancelled
        case .LoginRequired(_, let reason): self = .loginRequired(LoginReason(reason))
        case .StepUpRequired(_, let acrValues, let maxAge):
            self = .stepUpRequired(StepUp(acrValues: acrValues, maxAge: maxAge.map { .seconds(Int64(clamping: $0)) }))
        case .Offline(_, let cause, let wait):
            self = .offline(OfflineCause(cause), retryAfter: wait.map { .milliseconds(Int64(clamping: $0)) })
        case .Denied(let details, let words):
            self = .denied(code: details.code, words: ServerWords(code: words.code, description: words.text))
        case .Storage(_, let problem, let detail): self = .storage(StorageProblem(problem), detail: detail)
        case .Untrusted(let details): self = .untrusted(check: details.code)
        case .Misconfigured(let details, let fix): self = .misconfigured(field: details.code, fix: fix)
        case .Internal(let details): self = .internal(reference: details.code)
        }
    }
}

extension LoginReason {
    init(_ reason: HallpassBindings.LoginReason) {
        self =
            switch reason {
            case .notSignedIn: .notSignedIn
            case .noRefreshToken: .noRefreshToken
            case .refused: .refused
            case .revoked: .revoked
            case .answerLost: .answerLost
            case .storageInvalidated: .storageInvalidated
            case .loggedOut: .loggedOut
            }
    }
}

extension OfflineCause {
    init(_ cause: HallpassBindings.OfflineCause) {
        self =
            switch cause {
            case .unreachable: .unreachable
            case .tls: .tls
            case .noAnswer: .noAnswer
            case .rateLimited: .rateLimited
            case .serverFailed: .serverFailed
            case .unexpectedAnswer: .unexpectedAnswer
            }
    }
}

extension StorageProblem {
    init(_ problem: HallpassBindings.StorageProblem) {
        self =
            switch problem {
            case .locked: .locked
            case .invalidated: .invalidated
            case .failed: .failed
            }
    }
}

extension Session.State {
    init(_ state: HallpassBindings.State) {
        self =
            switch state {
            case .restoring(let problem): .restoring(problem.map(StorageProblem.init))
            case .signedOut(let reason, _): .signedOut(LoginReason(reason))
            case .signedIn(let user): .signedIn(User(user))
            case .loginRequired(let user, let reason, _): .loginRequired(User(user), LoginReason(reason))
            }
    }
}

extension Session.Event {
    init(_ event: HallpassBindings.Event) {
        self =
            switch event {
            case .signedIn: .signedIn
            case .renewed: .renewed
            case .renewalFailed(let isRetryable, let code): .renewalFailed(isRetryable: isRetryable, code: code)
            case .idTokenRejected(let check): .idTokenRejected(check: check)
            case .signedOut(let reason, _): .signedOut(LoginReason(reason))
            }
    }
}

extension Credentials {
    init(_ credentials: HallpassBindings.Credentials) {
        self.init(
            accessToken: credentials.accessToken, tokenType: credentials.tokenType, scope: credentials.scope,
            expiresAt: credentials.expiresAt.map { Date(timeIntervalSince1970: TimeInterval($0)) },
            renewed: credentials.renewed)
    }
}

extension IDToken {
    init(_ idToken: HallpassBindings.IdToken) {
        self.init(rawValue: idToken.raw, expiresAt: Date(timeIntervalSince1970: TimeInterval(idToken.expiresAt)))
    }
}

extension Authorization {
    init(_ authorization: HallpassBindings.Authorization) {
        self.init(headers: authorization.headers.map(HTTPHeader.init), receipt: authorization.receipt)
    }
}

extension User {
    init(_ user: HallpassBindings.User) {
        self.init(
            sub: user.sub, name: user.name, givenName: user.givenName, familyName: user.familyName, nickname: user.nickname,
            preferredUsername: user.preferredUsername, email: user.email, emailVerified: user.emailVerified,
            picture: user.picture.flatMap(URL.init(string:)), locale: user.locale, claimsJSON: user.claims)
    }
}

extension ApiReply {
    init(_ reply: HallpassBindings.ApiReply) {
        self.init(
            status: Int(reply.status), headers: reply.headers.map(HTTPHeader.init), body: reply.body,
            renewals: Int(reply.renewals))
    }
}

extension LoggedOut {
    init(_ outcome: HallpassBindings.LoggedOut) {
        self.init(erased: outcome.erased, revoked: outcome.revoked, sessionEnded: outcome.sessionEnded)
    }
}

extension HTTPHeader {
    init(_ header: HallpassBindings.HttpHeader) { self.init(name: header.name, value: header.value) }
}

extension HallpassBindings.HttpHeader {
    init(_ header: HTTPHeader) { self.init(name: header.name, value: header.value) }
}

extension HallpassBindings.Config {
    init(_ config: Config) {
        let provider: HallpassBindings.Provider =
            switch config.provider {
            case .auth0(let domain): .auth0(domain: domain)
            case .openIDConnect(let issuer): .openIdConnect(issuer: issuer)
            }
        self.init(
            provider: provider, clientId: config.clientID, redirectUri: config.redirectURI, scope: config.scope,
            audience: config.audience, resources: config.resources, organization: config.organization,
            maxAgeSeconds: config.maxAge?.wholeSeconds, leewaySeconds: config.leeway?.wholeSeconds,
            loginLifetimeSeconds: config.loginLifetime?.wholeSeconds, apiOrigins: config.apiOrigins,
            postLogoutRedirectUri: config.postLogoutRedirectURI, telemetry: config.telemetry,
            dpop: config.dpop, par: config.par, metadataUrl: config.metadataURL, issuerTemplate: config.issuerTemplate,
            dangerAcceptMissingNonce: config.dangerAcceptMissingNonce,
            dangerAllowAnyRedirectScheme: config.dangerAllowAnyRedirectScheme,
            dangerAllowLoopbackHttp: config.dangerAllowLoopbackHTTP)
    }
}

extension HallpassBindings.Store {
    /// - Parameter session: whose it is; `nil` for one that no session has.
    init(_ store: Store, of session: LoginTurns?) {
        switch store.kind {
        case .keychain(let service, let accessGroup, let biometry, let unlock):
            self = .keychain(
                service: service, accessGroup: accessGroup, protection: .init(biometry), unlock: .init(unlock))
        case .custom(let store): self = .custom(store: SecureStorePort(store, of: session))
        case .memory: self = .memory
        case .dangerPlainFiles(let folder): self = .dangerPlainFiles(folder: folder.path)
        }
    }
}

extension HallpassBindings.Protection {
    init(_ biometry: Store.Biometry) {
        self =
            switch biometry {
            case .notRequired: .afterFirstUnlock
            case .userPresence: .userPresence
            case .any: .biometry
            case .currentSet: .currentBiometry
            }
    }
}

extension HallpassBindings.Unlock {
    init(_ unlock: Store.Unlock) {
        self =
            switch unlock {
            case .always: .eachRead
            case .session(let duration): .for(milliseconds: duration.wholeMilliseconds)
            case .appLifecycle: .oncePerProcess
            }
    }
}

extension HallpassBindings.LoginOptions {
    init(_ options: LoginOptions) {
        self.init(
            prompt: LoginOptions.Prompt.allCases.filter(options.prompt.contains).map(HallpassBindings.Prompt.init),
            scope: options.scope, audience: options.audience, resources: options.resources, loginHint: options.loginHint,
            uiLocales: options.uiLocales, acrValues: options.acrValues, maxAgeSeconds: options.maxAge?.wholeSeconds,
            organization: options.organization, invitation: options.invitation, connection: options.connection,
            extra: options.extra)
    }
}

extension HallpassBindings.Prompt {
    init(_ prompt: LoginOptions.Prompt) {
        self =
            switch prompt {
            case .none: .none
            case .login: .login
            case .consent: .consent
            case .selectAccount: .selectAccount
            case .create: .create
            }
    }
}

extension UserCode {
    init(_ code: HallpassBindings.UserCode) throws(HallpassError) {
        guard let page = URL(string: code.verificationUri) else { throw .internal(reference: "verification_uri") }
        self.init(
            code: code.code, verificationURI: page,
            completeVerificationURI: code.verificationUriComplete.flatMap(URL.init(string:)),
            lifetime: .seconds(Int64(clamping: code.lifetimeSeconds)))
    }
}

extension HallpassBindings.LogoutOptions {
    init(_ options: LogoutOptions) { self.init(endSession: options.endSession, federated: options.federated) }
}

extension HallpassBindings.ApiRequest {
    init(_ request: ApiRequest) {
        self.init(
            method: request.method, url: request.url.absoluteString, headers: request.headers.map(HttpHeader.init),
            body: request.body,
            credentials: CredentialsRequest(
                minTtlMilliseconds: request.minTTL.wholeMilliseconds, audience: request.audience, scope: request.scope))
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero; what does not fit is the nearest that does.
    var signedMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }

    /// The same; less than nothing counts as nothing.
    var wholeMilliseconds: UInt64 { UInt64(clamping: signedMilliseconds) }

    /// Whole seconds, rounded down; less than nothing counts as nothing.
    var wholeSeconds: UInt64 { UInt64(clamping: components.seconds) }
}
