package dev.hallpass

/**
 * The signed-in user, by the latest ID token, or by the provider's answer to [Session.userinfo]. The claims are defined in OpenID
 * Connect Core §5.1.
 *
 * @property sub the user's identifier at this issuer; the only claim that is always there
 * @property name the full name
 * @property givenName the given name
 * @property familyName the family name
 * @property nickname the casual name
 * @property preferredUsername the name that the user wishes to be called by; not unique
 * @property email the e-mail address
 * @property emailVerified whether the provider has verified the e-mail address
 * @property picture the URL of a picture
 * @property locale the language, as a BCP 47 tag
 * @property claims all claims, as one JSON object
 */
public data class User(
    public val sub: String,
    public val name: String? = null,
    public val givenName: String? = null,
    public val familyName: String? = null,
    public val nickname: String? = null,
    public val preferredUsername: String? = null,
    public val email: String? = null,
    public val emailVerified: Boolean? = null,
    public val picture: String? = null,
    public val locale: String? = null,
    public val claims: String = "{}",
) {
    /** Shows the identifier only: the rest is personal. */
    override fun toString(): String = "User(sub=$sub)"
}
