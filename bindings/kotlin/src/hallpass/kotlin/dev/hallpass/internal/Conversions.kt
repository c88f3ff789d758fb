package dev.hallpass.internal

import dev.hallpass.ApiReply
import dev.hallpass.ApiRequest
import dev.hallpass.Authorization
import dev.hallpass.Config
import dev.hallpass.Credentials
import dev.hallpass.HallpassException
import dev.hallpass.IdToken
import dev.hallpass.Login
import dev.hallpass.LoginReason
import dev.hallpass.OfflineCause
import dev.hallpass.Prompt
import dev.hallpass.Provider
import dev.hallpass.ServerWords
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import dev.hallpass.StepUp
import dev.hallpass.StorageProblem
import dev.hallpass.User
import dev.hallpass.UserCode
import dev.hallpass.ffi.CredentialsRequest
import dev.hallpass.ffi.LoginOptions
import dev.hallpass.ports.HttpHeader
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.Instant
import dev.hallpass.ffi.ApiReply as CoreReply
import dev.hallpass.ffi.ApiRequest as CoreApiRequest
import dev.hallpass.ffi.Authorization as CoreAuthorization
import dev.hallpass.ffi.Config as CoreConfig
import dev.hallpass.ffi.Credentials as CoreCredentials
import dev.hallpass.ffi.Event as CoreEvent
import dev.hallpass.ffi.HallpassException as CoreException
import dev.hallpass.ffi.HttpHeader as CoreHeader
import dev.hallpass.ffi.IdToken as CoreIdToken
import dev.hallpass.ffi.LoginReason as CoreReason
import dev.hallpass.ffi.OfflineCause as CoreCause
import dev.hallpass.ffi.Prompt as CorePrompt
import dev.hallpass.ffi.Provider as CoreProvider
import dev.hallpass.ffi.ServerWords as CoreWords
import dev.hallpass.ffi.State as CoreState
import dev.hallpass.ffi.StorageProblem as CoreProblem
import dev.hallpass.ffi.User as CoreUser
import dev.hallpass.ffi.UserCode as CoreUserCode

/** What is negative counts as nothing: an unsigned number would make for ever of it. */
internal fun Duration.toMilliseconds(): ULong = coerceAtLeast(Duration.ZERO).inWholeMilliseconds.toULong()

private fun Duration.toSeconds(): ULong = coerceAtLeast(Duration.ZERO).inWholeSeconds.toULong()

private fun ULong.fromSeconds(): Duration = coerceAtMost(Long.MAX_VALUE.toULong()).toLong().seconds

/** A number that HTTP has no room for stays one that means nothing. */
internal fun Int.toCoreStatus(): UShort = coerceIn(0, UShort.MAX_VALUE.toInt()).toUShort()

/** Every login would be over before it began. */
private fun tooShort() = HallpassException.Misconfigured(
    "misconfigured (login_lifetime): it is shorter than a second", "login_lifetime", "leave it out, or give a login some minutes",
)

internal fun Config.toCore() = CoreConfig(
    provider = when (val provider = provider) {
        is Provider.Auth0 -> CoreProvider.Auth0(provider.domain)
        is Provider.OpenIdConnect -> CoreProvider.OpenIdConnect(provider.issuer)
    },
    clientId = clientId,
    redirectUri = redirectUri,
    scope = scope,
    audience = audience,
    resources = resources,
    organization = organization,
    maxAgeSeconds = maxAge?.toSeconds(),
    leewaySeconds = leeway?.toSeconds(),
    loginLifetimeSeconds = loginLifetime?.let { lifetime ->
        if (lifetime.inWholeSeconds < 1) throw tooShort()
        lifetime.toSeconds()
    },
    apiOrigins = apiOrigins,
    postLogoutRedirectUri = postLogoutRedirectUri,
    telemetry = telemetry,
    dpop = dpop,
    par = par,
    metadataUrl = metadataUrl,
    issuerTemplate = issuerTemplate,
    dangerAcceptMissingNonce = dangerAcceptMissingNonce,
    dangerAllowAnyRedirectScheme = dangerAllowAnyRedirectScheme,
    dangerAllowLoopbackHttp = dangerAllowLoopbackHttp,
)

internal fun Login.toCore() = LoginOptions(
    prompt = prompt.sorted().map { it.toCore() },
    scope = scope,
    audience = audience,
    resources = resources,
    loginHint = loginHint,
    uiLocales = uiLocales,
    acrValues = acrValues,
    maxAgeSeconds = maxAge?.toSeconds(),
    organization = organization,
    invitation = invitation,
    connection = connection,
    extra = extra,
)

private fun Prompt.toCore() = when (this) {
    Prompt.None -> CorePrompt.NONE
    Prompt.Login -> CorePrompt.LOGIN
    Prompt.Consent -> CorePrompt.CONSENT
    Prompt.SelectAccount -> CorePrompt.SELECT_ACCOUNT
    Prompt.Create -> CorePrompt.CREATE
}

internal fun CoreUserCode.toPublic() = UserCode(code, verificationUri, verificationUriComplete, lifetimeSeconds.fromSeconds())

internal fun ApiRequest.toCore() =
    CoreApiRequest(method, url, headers.toCore(), body, CredentialsRequest(minTtl.toMilliseconds(), audience, scope))

internal fun CoreReply.toPublic() = ApiReply(status.toInt(), headers.toPublic(), body, renewals.toInt())

internal fun List<CoreHeader>.toPublic() = map { HttpHeader(it.name, it.value) }

internal fun CoreCredentials.toPublic() =
    Credentials(accessToken, tokenType, scope, expiresAt?.let(Instant::fromEpochSeconds), renewed)

internal fun CoreAuthorization.toPublic() = Authorization(headers.toPublic(), receipt)

internal fun CoreIdToken.toPublic() = IdToken(raw, Instant.fromEpochSeconds(expiresAt))

internal fun CoreUser.toPublic() = User(
    sub, name, givenName, familyName, nickname, preferredUsername, email, emailVerified, picture, locale, claims,
)

internal fun CoreState.toPublic(): SessionState = when (this) {
    is CoreState.Restoring -> SessionState.Restoring(problem?.toPublic())
    is CoreState.SignedOut -> SessionState.SignedOut(reason.toPublic())
    is CoreState.SignedIn -> SessionState.SignedIn(user.toPublic())
    is CoreState.LoginRequired -> SessionState.LoginRequired(user.toPublic(), reason.toPublic())
}

internal fun CoreEvent.toPublic(): SessionEvent = when (this) {
    is CoreEvent.SignedIn -> SessionEvent.SignedIn
    is CoreEvent.Renewed -> SessionEvent.Renewed
    is CoreEvent.RenewalFailed -> SessionEvent.RenewalFailed(code, isRetryable)
    is CoreEvent.IdTokenRejected -> SessionEvent.IdTokenRejected(check)
    is CoreEvent.SignedOut -> SessionEvent.SignedOut(reason.toPublic())
}

internal fun CoreException.toPublic(): HallpassException = when (this) {
    is CoreException.Cancelled -> HallpassException.Cancelled(details.message)
    is CoreException.LoginRequired -> HallpassException.LoginRequired(details.message, reason.toPublic())
    is CoreException.Offline -> HallpassException.Offline(
        details.message,
        offlineCause.toPublic(),
        retryAfterMilliseconds?.let { it.coerceAtMost(Long.MAX_VALUE.toULong()).toLong().milliseconds },
    )
    is CoreException.StepUpRequired ->
        HallpassException.StepUpRequired(details.message, StepUp(acrValues, maxAgeSeconds?.fromSeconds()))
    is CoreException.Denied -> HallpassException.Denied(details.message, details.code, words.toPublic())
    is CoreException.Storage -> HallpassException.Storage(details.message, problem.toPublic(), detail.ifEmpty { null })
    is CoreException.Untrusted -> HallpassException.Untrusted(details.message, details.code)
    is CoreException.Misconfigured -> HallpassException.Misconfigured(details.message, details.code, fix)
    is CoreException.Internal -> HallpassException.Internal(details.message, details.code)
}

private fun CoreWords.toPublic() = ServerWords(code, text)

private fun CoreReason.toPublic() = when (this) {
    CoreReason.NOT_SIGNED_IN -> LoginReason.NotSignedIn
    CoreReason.NO_REFRESH_TOKEN -> LoginReason.NoRefreshToken
    CoreReason.REFUSED -> LoginReason.Refused
    CoreReason.REVOKED -> LoginReason.Revoked
    CoreReason.ANSWER_LOST -> LoginReason.AnswerLost
    CoreReason.STORAGE_INVALIDATED -> LoginReason.StorageInvalidated
    CoreReason.LOGGED_OUT -> LoginReason.LoggedOut
}

private fun CoreCause.toPublic() = when (this) {
    CoreCause.UNREACHABLE -> OfflineCause.Unreachable
    CoreCause.TLS -> OfflineCause.Tls
    CoreCause.NO_ANSWER -> OfflineCause.NoAnswer
    CoreCause.RATE_LIMITED -> OfflineCause.RateLimited
    CoreCause.SERVER_FAILED -> OfflineCause.ServerFailed
    CoreCause.UNEXPECTED_ANSWER -> OfflineCause.UnexpectedAnswer
}

private fun CoreProblem.toPublic() = when (this) {
    CoreProblem.LOCKED -> StorageProblem.Locked
    CoreProblem.INVALIDATED -> StorageProblem.Invalidated
    CoreProblem.FAILED -> StorageProblem.Failed
}
