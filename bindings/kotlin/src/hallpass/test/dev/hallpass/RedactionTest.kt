package dev.hallpass

import dev.hallpass.ports.HttpHeader
import dev.hallpass.ports.HttpRequest
import dev.hallpass.ports.HttpResponse
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test
import kotlin.time.Clock
import kotlin.time.Duration.Companion.seconds
import dev.hallpass.ffi.ApiReply as CoreReply
import dev.hallpass.ffi.ApiRequest as CoreApiRequest
import dev.hallpass.ffi.Credentials as CoreCredentials
import dev.hallpass.ffi.CredentialsRequest as CoreCredentialsRequest
import dev.hallpass.ffi.HttpHeader as CoreHeader
import dev.hallpass.ffi.HttpRequest as CoreRequest
import dev.hallpass.ffi.HttpResponse as CoreResponse
import dev.hallpass.ffi.IdToken as CoreIdToken
import dev.hallpass.ffi.ServerWords as CoreWords

/** No text of a value shows a token or who the user is, however deep it stands in another value. */
class RedactionTest {
    private val secret = "eyJhbGciOi.secret.signature"
    private val bytes = secret.encodeToByteArray()

    @Test
    fun `values of the library, alone and within others, show no secret`() {
        val credentials = Credentials(secret, "Bearer", "openid", Clock.System.now(), renewed = false)
        val header = HttpHeader("Authorization", "Bearer $secret")
        val url = "https://api.example.com/?token=$secret"
        val user = User("auth0|1", name = "secret name", email = "secret@example.com", claims = """{"email":"secret@example.com"}""")
        val request = ApiRequest(method = "POST", url = url, headers = listOf(header), body = bytes)
        val reply = ApiReply(200, listOf(header), bytes, renewals = 0)
        val values = listOf(
            IdToken(secret, Clock.System.now()), Authorization(listOf(header)), ServerWords(secret, secret), credentials, header, request, reply, HttpRequest("POST", url, listOf(header), bytes, 1), HttpResponse(200, listOf(header), bytes),
            user, SessionState.SignedIn(user), StartedLogin(url, secret), Login(loginHint = "secret@example.com", invitation = secret),
        )
        data class Screen(val state: Any, val more: Map<String, List<Any>>)
        val nested = values.flatMap { value ->
            listOf(Result.success(value), Pair(value, 1), arrayOf(value).contentDeepToString(), Screen(value, mapOf("of" to listOf(value))))
        }
        for (value in values + nested) assertFalse("$value".contains("secret"), "$value")
        assertEquals("User(sub=auth0|1)", "$user")
    }

    @Test
    fun `values that cross the border, show no token either`() {
        val header = CoreHeader("Authorization", secret)
        val which = CoreCredentialsRequest(0uL, null, null)
        val values = listOf(
            CoreCredentials(secret, "Bearer", "", null, false), header, CoreRequest("POST", secret, listOf(header), bytes, 1uL),
            CoreResponse(200u, listOf(header), bytes), CoreApiRequest("POST", secret, listOf(header), bytes, which),
            CoreReply(200u, listOf(header), bytes, 0u), CoreIdToken(secret, 0), CoreWords(secret, secret),
        )
        for (value in values + listOf(values)) assertFalse("$value".contains("secret"), "$value")
    }

    @Test
    fun `exceptions, show their message and no more`() {
        val errors = listOf(
            HallpassException.Cancelled("m"), HallpassException.LoginRequired("m", LoginReason.Revoked),
            HallpassException.Offline("m", OfflineCause.RateLimited, 7.seconds), 
            HallpassException.Denied("m", "access_denied", ServerWords(secret, secret)), HallpassException.StepUpRequired("m", StepUp("gold")),
            HallpassException.Storage("m", StorageProblem.Locked), HallpassException.Untrusted("m", "id_token_nonce"),
            HallpassException.Misconfigured("m", "issuer", "use https"), HallpassException.Internal("m", "border"),
        )
        for (error in errors) {
            assertEquals("dev.hallpass.HallpassException\$${error.kind}: m", "$error")
            assertEquals(null, error.cause, "a cause would be printed with the stack")
        }
    }
}
