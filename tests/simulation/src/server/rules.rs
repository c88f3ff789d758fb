//! How one server is set up: what the specifications leave to it, and what servers in use do besides.

/// How one server is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) rotation: bool,
    /// For how long a spent token still works, in milliseconds.
    pub(crate) reuse_interval: u64,
    /// Whether a login brings a refresh token.
    pub(crate) offline_access: bool,
    /// How long an access token lives, in seconds.
    pub(crate) lifetime: u64,
    /// Whether a renewal brings an ID token.
    pub(crate) id_token: bool,
    /// For how long after its login a refresh token works at most, in milliseconds.
    pub(crate) absolute_lifetime: Option<u64>,
    /// For how long it works without being used, in milliseconds.
    pub(crate) idle_lifetime: Option<u64>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) reuse: Reuse,
    pub(crate) revocation: Revocation,
    pub(crate) words: Words,
    /// How many renewals in a thousand bring something odd.
    pub(crate) odd: u64,
    /// In a thousand renewals, how many are refused with `invalid_grant` although the token is good; once a token.
    pub(crate) hiccups: u64,
    /// For how long the metadata may be kept, in seconds, if the server says so.
    pub(crate) metadata_lifetime: Option<u64>,
}

/// How often the token endpoint may be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimit {
    pub(crate) requests: u64,
    /// Counted in windows of this length, in milliseconds.
    pub(crate) window: u64,
    pub(crate) told: Told,
}

/// In which words a server says when to come back (RFC 9110 §10.2.3, and a custom of many servers).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told {
    Seconds,
    Date,
    Reset,
}

/// What a spent token ends when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// All tokens of its login (RFC 9700 §4.14.2; Auth0, Hydra).
    EndsFamily,
    /// All logins of the user (better-auth).
    EndsUser,
    /// Nothing: it is refused, and the living token goes on (Gitea, zitadel, Authlib, Spring).
    Refuses,
}

/// What a revocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// All tokens of the login, whichever of them is named (Hydra, Spring, better-auth).
    Family,
    /// The token named, and nothing if that one is spent (Duende; Auth0 with "Revocation Deletes Grant" off).
    Single,
    /// All logins of the user (Auth0 with it on).
    User,
}

/// In which words a server says that a refresh token is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    InvalidGrant,
    /// The same, and says of a reuse that it is one (Keycloak).
    SaysReuse,
    /// The same, with a description in another language and charset.
    Latin1,
    /// The same in a 200.
    InSuccess,
    /// 400 `invalid_request`.
    Dex,
    /// 400 `unauthorized_client`.
    Gitea,
    /// 400 with JSON that has no `error`.
    Supabase,
    /// 401 without a body (Spring, for public clients).
    Empty,
    /// 200 with an `error` of its own (GitHub).
    BadRefreshToken,
}

impl Words {
    /// Whether it is what RFC 6749 §5.2 asks for, however it is wrapped.
    pub(crate) fn is_invalid_grant(self) -> bool {
        match self {
            Words::InvalidGrant | Words::SaysReuse | Words::Latin1 | Words::InSuccess => true,
            Words::Dex | Words::Gitea | Words::Supabase | Words::Empty | Words::BadRefreshToken => false,
        }
    }
}

impl Rules {
    /// A server without rotation, limits and ends.
    pub(crate) const PLAIN: Self = Self {
        rotation: false,
        reuse_interval: 0,
        offline_access: true,
        lifetime: 3_600,
        id_token: false,
        absolute_lifetime: None,
        idle_lifetime: None,
        rate_limit: None,
        reuse: Reuse::EndsFamily,
        revocation: Revocation::Family,
        words: Words::InvalidGrant,
        odd: 0,
        hiccups: 0,
        metadata_lifetime: None,
    };
}
