package com.example.hallpass.lab

import dev.hallpass.Config
import dev.hallpass.Provider
import java.net.URI
import java.util.Properties

/** The app's settings: the property file, and over it what was typed on the settings screen. */
data class LabSettings(private val values: Map<String, String>) {
    operator fun get(key: String): String = values[key].orEmpty().trim()

    /** What has to be mended before anything can be sent; `null` when nothing has. */
    val problem: String?
        get() {
            val missing = KEYS.filter { key -> this[key].isEmpty() || this[key].startsWith("YOUR_") }
                .filterNot { key -> key == ISSUER && this[DOMAIN].isNotEmpty() }
            return if (missing.isEmpty()) null else "Set ${missing.joinToString()} in hallpass.properties or on the settings screen."
        }

    /** For the session. */
    fun config(): Config {
        val isLocal = this[ISSUER].startsWith("http://")
        return Config(
            provider = Provider.Auth0(this[DOMAIN].ifEmpty { this[ISSUER] }),
            clientId = this[CLIENT_ID],
            redirectUri = this[REDIRECT_URI],
            scope = "openid profile read:reports offline_access",
            audience = this[AUDIENCE],
            apiOrigins = listOf(origin(this[API_URL])),
            postLogoutRedirectUri = this[REDIRECT_URI],
            dangerAllowLoopbackHttp = isLocal,
        )
    }

    fun with(changes: Map<String, String>): LabSettings = LabSettings(values + changes)

    companion object {
        const val ISSUER = "issuer"
        const val DOMAIN = "domain"
        const val CLIENT_ID = "client_id"
        const val AUDIENCE = "audience"
        const val API_URL = "api_url"
        const val REDIRECT_URI = "redirect_uri"

        /** Those that have to be set. */
        val KEYS = listOf(ISSUER, CLIENT_ID, AUDIENCE, API_URL, REDIRECT_URI)

        fun of(properties: Properties): LabSettings =
            LabSettings(properties.stringPropertyNames().associateWith { properties.getProperty(it) })

        private fun origin(url: String): String = URI(url).run { "$scheme://$rawAuthority" }
    }
}
