//! The signed-in user.

use hallpass_core as core;
use hallpass_core::protocol::userinfo::{Profile, UserInfo};

/// A user, by the latest ID token or by the provider's userinfo endpoint.
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
        Self::new(user.sub(), user.claims().profile(), user.claims().json())
    }
}

impl From<&UserInfo> for User {
    fn from(user: &UserInfo) -> Self {
        Self::new(user.sub(), user.profile(), user.json())
    }
}

impl User {
    fn new(sub: &str, profile: Profile<'_>, claims: &str) -> Self {
        Self {
            sub: sub.to_owned(),
            name: profile.name().map(str::to_owned),
            given_name: profile.given_name().map(str::to_owned),
            family_name: profile.family_name().map(str::to_owned),
            nickname: profile.nickname().map(str::to_owned),
            preferred_username: profile.preferred_username().map(str::to_owned),
            email: profile.email().map(str::to_owned),
            email_verified: profile.email_verified(),
            picture: profile.picture().map(str::to_owned),
            locale: profile.locale().map(str::to_owned),
            claims: claims.to_owned(),
        }
    }
}
