//! Answers: as they should be, and as they are.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::rules::Words;
use crate::token::Refresh;

/// An answer, and what it brings to whoever can read it.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) issued: Option<Issued>,
    pub(crate) oddity: Option<Oddity>,
}

/// The tokens in an answer.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    /// `None` when there is none that a client may use.
    pub(crate) access_token: Option<String>,
    pub(crate) refresh: Option<Refresh>,
    /// Whether a client can read what the answer says, apart from the refresh token.
    pub(crate) is_clear: bool,
}

/// What is odd about the answer to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    NoTokenType,
    ByteOrderMark,
    /// It is compressed although nobody asked for that.
    Gzip,
    /// A member that nobody reads is in another charset.
    Latin1,
    /// A member that nobody reads stands there twice.
    Doubled,
    /// The only thing that can be used is the refresh token.
    OnlyRefreshToken,
    /// The ID token is no JWT.
    NoJwt,
    Encrypted,
    /// It is signed with another algorithm than before.
    OtherAlgorithm,
    SecondAudience,
    /// Claims that nobody asked for are of other types.
    OddClaims,
    /// It names the key before the one that it is signed with (ory/hydra#3573).
    WrongKey,
    OtherUser,
    OtherIssuer,
    /// Its audience is another client.
    OtherClient,
}

impl Oddity {
    pub(crate) const ALL: [Self; 15] = [
        Oddity::NoTokenType,
        Oddity::ByteOrderMark,
        Oddity::Gzip,
        Oddity::Latin1,
        Oddity::Doubled,
        Oddity::OnlyRefreshToken,
        Oddity::NoJwt,
        Oddity::Encrypted,
        Oddity::OtherAlgorithm,
        Oddity::SecondAudience,
        Oddity::OddClaims,
        Oddity::WrongKey,
        Oddity::OtherUser,
        Oddity::OtherIssuer,
        Oddity::OtherClient,
    ];

    /// Whether it is about the ID token.
    pub(crate) fn is_of_identity(self) -> bool {
        match self {
            Oddity::NoTokenType
            | Oddity::ByteOrderMark
            | Oddity::Gzip
            | Oddity::Latin1
            | Oddity::Doubled
            | Oddity::OnlyRefreshToken => false,
            Oddity::NoJwt
            | Oddity::Encrypted
            | Oddity::OtherAlgorithm
            | Oddity::SecondAudience
            | Oddity::OddClaims
            | Oddity::WrongKey
            | Oddity::OtherUser
            | Oddity::OtherIssuer
            | Oddity::OtherClient => true,
        }
    }

    /// Whether nobody may use the access token (OpenID Connect Core §12.2).
    pub(crate) fn withholds(self) -> bool {
        matches!(self, Oddity::OtherUser | Oddity::OtherIssuer | Oddity::OtherClient)
    }

    /// The body with what is odd about it.
    pub(super) fn body(self, mut answer: Value) -> Vec<u8> {
        let members = answer.as_object_mut().expect("made as an object");
        let insert = |members: &serde_json::Map<String, Value>, first: &[u8]| {
            let text = Value::Object(members.clone()).to_string();
            [b"{", first, b",", &text.as_bytes()[1..]].concat()
        };
        match self {
            Oddity::NoTokenType => drop(members.remove("token_type")),
            Oddity::OnlyRefreshToken => drop(members.insert("access_token".to_owned(), json!({ "value": 1 }))),
            Oddity::ByteOrderMark => return [b"\xef\xbb\xbf", answer.to_string().as_bytes()].concat(),
            Oddity::Gzip => return gzip(answer.to_string().as_bytes()),
            Oddity::Latin1 => return insert(members, b"\"a_name\":\"Jos\xe9\""),
            Oddity::Doubled => return insert(members, b"\"a_name\":1,\"a_name\":2"),
            Oddity::NoJwt
            | Oddity::Encrypted
            | Oddity::OtherAlgorithm
            | Oddity::SecondAudience
            | Oddity::OddClaims
            | Oddity::WrongKey
            | Oddity::OtherUser
            | Oddity::OtherIssuer
            | Oddity::OtherClient => {}
        }
        answer.to_string().into_bytes()
    }
}

impl From<(u16, Value)> for Answer {
    fn from((status, body): (u16, Value)) -> Self {
        Self { status, body: body.to_string().into_bytes(), ..Self::default() }
    }
}

/// A refresh token is over; `reused` says that it came back after it was spent.
pub(super) fn refusal(words: Words, reused: bool) -> Answer {
    let error = |status: u16, error: &str, description: &str| -> Answer {
        (status, json!({ "error": error, "error_description": description })).into()
    };
    match words {
        Words::InvalidGrant => (403, json!({ "error": "invalid_grant" })).into(),
        Words::SaysReuse if reused => error(400, "invalid_grant", "Maximum allowed refresh token reuse exceeded"),
        Words::SaysReuse => error(400, "invalid_grant", "Token is not active"),
        Words::Latin1 => Answer {
            status: 400,
            body: b"{\"error\":\"invalid_grant\",\"error_description\":\"expir\xe9\"}".to_vec(),
            ..Answer::default()
        },
        Words::InSuccess => (200, json!({ "error": "invalid_grant" })).into(),
        Words::Dex => error(400, "invalid_request", "Refresh token is invalid or has already been claimed."),
        Words::Gitea => error(400, "unauthorized_client", "token was already used"),
        Words::Supabase => {
            let said =
                json!({ "code": 400, "error_code": "refresh_token_not_found", "msg": "Refresh Token Not Found" });
            (400, said).into()
        }
        Words::Empty => Answer { status: 401, ..Answer::default() },
        Words::BadRefreshToken => error(200, "bad_refresh_token", "The refresh token passed is incorrect or expired."),
    }
}

/// Seconds since the epoch as RFC 9110 §5.6.7 writes them.
pub(crate) fn http_date(unix: i64) -> String {
    let since_epoch = Duration::from_secs(u64::try_from(unix).unwrap_or_default());
    httpdate::fmt_http_date(UNIX_EPOCH + since_epoch)
}

/// The same bytes as a gzip file (RFC 1952) with one stored block (RFC 1951 §3.2.4): nothing is made smaller.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("an answer is short");
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&(!length).to_le_bytes());
    file.extend_from_slice(bytes);
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    file.extend_from_slice(&(!crc).to_le_bytes());
    file.extend_from_slice(&u32::from(length).to_le_bytes());
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_of_a_known_text_has_its_known_checksum_and_length() {
        let file = gzip(b"123456789");
        assert_eq!(file[file.len() - 8..], [0x26, 0x39, 0xf4, 0xcb, 9, 0, 0, 0]);
    }

    #[test]
    fn each_odd_body_holds_the_refresh_token_and_only_one_the_access_token_not() {
        for oddity in Oddity::ALL {
            let body = oddity.body(json!({ "access_token": "at", "token_type": "Bearer", "refresh_token": "rt" }));
            // A stored block shows what is in it.
            let text = String::from_utf8_lossy(&body);
            assert!(text.contains("\"refresh_token\":\"rt\""), "{oddity:?}");
            assert_eq!(text.contains("\"access_token\":\"at\""), oddity != Oddity::OnlyRefreshToken, "{oddity:?}");
        }
    }
}
