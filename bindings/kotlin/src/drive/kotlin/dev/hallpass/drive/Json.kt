package dev.hallpass.drive

import dev.hallpass.ApiReply
import dev.hallpass.Credentials
import dev.hallpass.SessionEvent
import dev.hallpass.SessionState
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import kotlin.time.Duration
import kotlin.time.DurationUnit

/** JSON that the core has validated. */
internal fun json(text: String): JsonElement = Json.parseToJsonElement(text)

internal fun failed(kind: String, code: String, retryable: Boolean, message: String, retryAfter: Duration? = null): JsonObject =
    buildJsonObject {
        put("kind", kind)
        put("code", code)
        put("retryable", retryable)
        put("message", message)
        if (retryAfter != null) put("retry_after", retryAfter.toDouble(DurationUnit.SECONDS))
    }

internal fun Credentials.toJson(): JsonObject = buildJsonObject {
    put("access_token", accessToken)
    put("token_type", tokenType)
    put("expires_at", expiresAt?.epochSeconds)
    put("scope", scope)
    put("renewed", renewed)
}

internal fun SessionState.toJson(): JsonObject = buildJsonObject {
    when (this@toJson) {
        is SessionState.Restoring -> {
            put("name", "restoring")
            problem?.let { put("problem", it.code) }
        }
        is SessionState.SignedOut -> {
            put("name", "signed_out")
            put("reason", reason.code)
        }
        is SessionState.SignedIn -> {
            put("name", "signed_in")
            put("user", json(user.claims))
        }
        is SessionState.LoginRequired -> {
            put("name", "login_required")
            put("reason", reason.code)
            put("user", json(user.claims))
        }
    }
}

internal fun SessionEvent.toJson(): JsonObject = buildJsonObject {
    when (this@toJson) {
        is SessionEvent.SignedIn -> put("name", "signed_in")
        is SessionEvent.Renewed -> put("name", "renewed")
        is SessionEvent.RenewalFailed -> {
            put("name", "renewal_failed")
            put("retryable", isRetryable)
            put("code", code)
        }
        is SessionEvent.IdTokenRejected -> {
            put("name", "id_token_rejected")
            put("check", check)
        }
        is SessionEvent.SignedOut -> {
            put("name", "signed_out")
            put("reason", reason.code)
        }
    }
}

/** Names in lower case; the values of a name that stands more than once are joined (RFC 9110 §5.3). */
internal fun ApiReply.toJson(): JsonObject = buildJsonObject {
    put("status", status)
    putJsonObject("headers") {
        headers.groupBy { it.name.lowercase() }.forEach { (name, fields) -> put(name, fields.joinToString(", ") { it.value }) }
    }
    put("body", text())
    put("renewals", renewals)
}
