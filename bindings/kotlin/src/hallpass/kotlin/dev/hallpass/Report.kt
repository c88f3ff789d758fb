package dev.hallpass

/**
 * What is known of a session, for a log or a support case: why it is as it is, and what its last renewals came to. Log-safe: no token,
 * no name of a user and no text of a server's but the name of a request is in it.
 *
 * @property attributes values by name, in the manner of OpenTelemetry's attributes; what is not known is left out
 */
public class Report(public val attributes: Map<String, String>) {
    /** The attributes, one a line as `name=value`, in order of their names. */
    override fun toString(): String = attributes.toSortedMap().entries.joinToString("\n") { "${it.key}=${it.value}" }
}
