//! The settings by name: in the file, on the command line, in the environment.

/// Something that can be set about a tenant, a client or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// The domain of an Auth0 tenant.
    Domain,
    /// The issuer of any OpenID Provider.
    Issuer,
    /// The client id of the application.
    ClientId,
    /// The API that access tokens are for.
    Audience,
    /// The scope to ask for.
    Scope,
    /// Where the browser returns to after the login.
    RedirectUri,
    /// Where the browser returns to after a logout that ends the server's session.
    PostLogoutRedirectUri,
    /// The origins that may get the access token.
    ApiOrigins,
    /// The organization to sign in to.
    Organization,
    /// Which of several accounts on this device.
    Account,
    /// Where the session is kept.
    Store,
    /// Whether tokens are bound to a key of this device.
    Dpop,
    /// Whether logins are pushed to the server before the browser opens.
    Par,
    /// Whether plain HTTP to this very machine is allowed.
    DangerAllowLoopbackHttp,
}

/// What there is to say about a setting.
struct Names {
    key: &'static str,
    flag: &'static str,
    variable: &'static str,
    example: &'static str,
}

impl Setting {
    /// All settings, the important ones first.
    pub const ALL: [Self; 14] = [
        Self::Domain,
        Self::Issuer,
        Self::ClientId,
        Self::Audience,
        Self::Scope,
        Self::RedirectUri,
        Self::PostLogoutRedirectUri,
        Self::ApiOrigins,
        Self::Organization,
        Self::Account,
        Self::Store,
        Self::Dpop,
        Self::Par,
        Self::DangerAllowLoopbackHttp,
    ];

    /// The setting that the file calls `key`.
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.key() == key)
    }

    /// Its key in the file.
    pub fn key(self) -> &'static str {
        self.names().key
    }

    /// Its option on the command line.
    pub fn flag(self) -> &'static str {
        self.names().flag
    }

    /// Its variable in the environment.
    pub fn variable(self) -> &'static str {
        self.names().variable
    }

    /// A line of the file that sets it.
    pub fn example(self) -> &'static str {
        self.names().example
    }

    /// Whether it takes several values.
    pub fn is_list(self) -> bool {
        self == Self::ApiOrigins
    }

    /// Whether it is on or off.
    pub fn is_switch(self) -> bool {
        matches!(self, Self::Dpop | Self::Par | Self::DangerAllowLoopbackHttp)
    }

    const fn names(self) -> Names {
        match self {
            Self::Domain => Names {
                key: "domain",
                flag: "--domain",
                variable: "HALLPASS_DOMAIN",
                example: "domain = \"tenant.eu.auth0.com\"",
            },
            Self::Issuer => Names {
                key: "issuer",
                flag: "--issuer",
                variable: "HALLPASS_ISSUER",
                example: "issuer = \"https://login.example.com/\"",
            },
            Self::ClientId => Names {
                key: "client_id",
                flag: "--client-id",
                variable: "HALLPASS_CLIENT_ID",
                example: "client_id = \"aBcD1234\"",
            },
            Self::Audience => Names {
                key: "audience",
                flag: "--audience",
                variable: "HALLPASS_AUDIENCE",
                example: "audience = \"https://expenses-api\"",
            },
            Self::Scope => Names {
                key: "scope",
                flag: "--scope",
                variable: "HALLPASS_SCOPE",
                example: "scope = \"openid profile read:reports offline_access\"",
            },
            Self::RedirectUri => Names {
                key: "redirect_uri",
                flag: "--redirect-uri",
                variable: "HALLPASS_REDIRECT_URI",
                example: "redirect_uri = \"http://127.0.0.1/callback\"",
            },
            Self::PostLogoutRedirectUri => Names {
                key: "post_logout_redirect_uri",
                flag: "--post-logout-redirect-uri",
                variable: "HALLPASS_POST_LOGOUT_REDIRECT_URI",
                example: "post_logout_redirect_uri = \"http://127.0.0.1/callback\"",
            },
            Self::ApiOrigins => Names {
                key: "api_origins",
                flag: "--api-origin",
                variable: "HALLPASS_API_ORIGINS",
                example: "api_origins = [\"https://api.example.com\"]",
            },
            Self::Organization => Names {
                key: "organization",
                flag: "--organization",
                variable: "HALLPASS_ORGANIZATION",
                example: "organization = \"org_aBcD1234\"",
            },
            Self::Account => {
                Names { key: "account", flag: "--account", variable: "HALLPASS_ACCOUNT", example: "account = \"work\"" }
            }
            Self::Store => {
                Names { key: "store", flag: "--store", variable: "HALLPASS_STORE", example: "store = \"system\"" }
            }
            Self::Dpop => Names { key: "dpop", flag: "--dpop", variable: "HALLPASS_DPOP", example: "dpop = true" },
            Self::Par => Names { key: "par", flag: "--par", variable: "HALLPASS_PAR", example: "par = true" },
            Self::DangerAllowLoopbackHttp => Names {
                key: "danger_allow_loopback_http",
                flag: "--danger-allow-loopback-http",
                variable: "HALLPASS_DANGER_ALLOW_LOOPBACK_HTTP",
                example: "danger_allow_loopback_http = true",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_found_by_its_key_and_its_example_sets_it() {
        for setting in Setting::ALL {
            assert_eq!(Setting::of_key(setting.key()), Some(setting));
            assert!(setting.example().starts_with(&format!("{} = ", setting.key())));
        }
        assert_eq!(Setting::of_key("Domain"), None);
    }
}
