//! The signed-in user.

use hallpass_core as core;

/// The signed-in user, by the latest ID token.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct User {
    /// The user's identifier at this issuer.
    pub sub: String,
    /// The full name.
    pub name: Option<String>,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// The casual name.
    pub nickname: Option<String>,
    /// The name that the user wishes to be called by; not unique.
    pub preferred_username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider has verified the e-mail address.
    pub email_verified: Option<bool>,
    /// The URL of a picture.
    pub picture: Option<String>,
    /// The language, as a BCP 47 tag.
    pub locale: Option<String>,
    /// All claims, as one JSON object.
    pub claims: String,
}

impl From<&core::User> for User {
    fn from(user: &core::User) -> Self {
        let profile = user.claims().profile();
        Self {
            sub: user.sub().to_owned(),
            name: profile.name().map(str::to_owned),
            given_name: profile.given_name().map(str::to_owned),
            family_name: profile.family_name().map(str::to_owned),
            nickname: profile.nickname().map(str::to_owned),
            preferred_username: profile.preferred_username().map(str::to_owned),
            email: profile.email().map(str::to_owned),
            email_verified: profile.email_verified(),
            picture: profile.picture().map(str::to_owned),
            locale: profile.locale().map(str::to_owned),
            claims: user.claims().json().to_owned(),
        }
    }
}
