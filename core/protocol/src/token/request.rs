//! Requests to the token endpoint, in the encoding and member order of the client's dialect.

use alloc::string::{String, ToString};

use url::{Url, form_urlencoded};

use crate::authorize::PendingLogin;
use crate::client::{Client, TokenEncoding};
use crate::discovery::ProviderMetadata;
use crate::http::{Body, Headers, MAX_TOKEN_RESPONSE, Method, Request};
use crate::scope::Scope;
use crate::secret::{AuthorizationCode, RefreshToken};

/// Exchanges a code (RFC 6749 §4.1.3, RFC 7636 §4.5). To be sent once: a code is good for one exchange.
#[must_use]
pub fn code_request(
    client: &Client,
    provider: &ProviderMetadata,
    code: &AuthorizationCode,
    pending: &PendingLogin,
) -> Request {
    post(
        client,
        &provider.token_endpoint,
        &[
            ("grant_type", Some("authorization_code")),
            ("client_id", Some(client.client_id.as_str())),
            ("code", Some(code.expose())),
            ("code_verifier", Some(pending.code_verifier().expose())),
            ("redirect_uri", Some(pending.redirect_uri().as_str())),
        ],
    )
}

/// Renews (RFC 6749 §6). Without `scope` the server grants what it granted at login; `audience` asks for a token for another
/// API, where the server knows that.
#[must_use]
pub fn refresh_request(
    client: &Client,
    provider: &ProviderMetadata,
    refresh_token: &RefreshToken,
    scope: Option<&Scope>,
    audience: Option<&str>,
) -> Request {
    let scope = scope.map(ToString::to_string);
    post(
        client,
        &provider.token_endpoint,
        &[
            ("grant_type", Some("refresh_token")),
            ("client_id", Some(client.client_id.as_str())),
            ("refresh_token", Some(refresh_token.expose())),
            ("scope", scope.as_deref()),
            ("audience", audience),
        ],
    )
}

/// A POST of `members`, in order and without those that are `None`, encoded as the dialect says.
pub(crate) fn post(client: &Client, endpoint: &Url, members: &[(&str, Option<&str>)]) -> Request {
    let dialect = client.dialect.data();
    let mut headers = Headers::new();
    if let (Some(names), Some(telemetry)) = (&dialect.telemetry, &client.telemetry) {
        headers.push(names.header, telemetry.encoded());
    }
    let (content_type, body) = match dialect.encoding {
        TokenEncoding::Form => ("application/x-www-form-urlencoded", form(members)),
        TokenEncoding::Json => ("application/json", json(members)),
    };
    headers.push("Content-Type", content_type);
    headers.push("Accept", "application/json");
    Request { method: Method::Post, url: endpoint.clone(), headers, body, max_response_bytes: MAX_TOKEN_RESPONSE }
}

fn present<'a>(members: &'a [(&'a str, Option<&'a str>)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    members.iter().filter_map(|(name, value)| value.map(|value| (*name, value)))
}

fn form(members: &[(&str, Option<&str>)]) -> Body {
    let mut serializer = form_urlencoded::Serializer::new(with_room_for(members));
    serializer.extend_pairs(present(members));
    serializer.finish().into()
}

/// An object of strings (RFC 8259 §7). Written by hand because `serde_json` grows its buffer while it writes.
fn json(members: &[(&str, Option<&str>)]) -> Body {
    let mut text = with_room_for(members);
    let mut separator = '{';
    for (name, value) in present(members) {
        text.push(separator);
        push_json_string(&mut text, name);
        text.push(':');
        push_json_string(&mut text, value);
        separator = ',';
    }
    text.push('}');
    text.into()
}

fn push_json_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\u{0}'..='\u{1f}' => {
                let digit = |shift: u32| char::from_digit(u32::from(character) >> shift & 0xf, 16).unwrap_or('0');
                text.push_str("\\u00");
                text.extend([digit(4), digit(0)]);
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}

/// Room for the worst case of either encoding (a byte becomes six, and six more stand around a member), so that the buffer
/// never moves and leaves a secret behind in memory that nobody wipes.
fn with_room_for(members: &[(&str, Option<&str>)]) -> String {
    String::with_capacity(present(members).map(|(name, value)| 6 * (name.len() + value.len() + 1)).sum::<usize>() + 2)
}
