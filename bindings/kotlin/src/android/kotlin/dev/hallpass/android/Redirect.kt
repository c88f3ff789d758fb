package dev.hallpass.android

/**
 * The redirect that a visit waits for. Any app can send a link to this one: what is not the redirect to this very
 * authorization request is ignored, so that a stranger's link cannot end a login. The core checks what passes here again
 * and in full.
 */
internal class Redirect(authorizationUrl: String, private val redirectUri: String) {
    /** `null` when the request was pushed (RFC 9126) and the URL does not have it. */
    private val state: String? = parameter(authorizationUrl, "state")

    fun isAnsweredBy(callback: String): Boolean {
        if (!startsAt(redirectUri, callback)) return false
        return state == null || parameter(callback, "state") == state
    }

    /** The same but for what comes after the path. */
    private fun startsAt(home: String, url: String): Boolean =
        url.startsWith(home) && (url.length == home.length || url[home.length] in "?#&")

    /** By hand: `java.net.URI` refuses characters, such as `|` and `{`, that servers and browsers send. */
    private fun parameter(url: String, name: String): String? =
        url.substringBefore('#').substringAfter('?', "").split('&').firstOrNull { it.startsWith("$name=") }?.substringAfter('=')
}
