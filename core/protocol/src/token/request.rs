//! Requests to the token endpoint, in the encoding and member order of the client's dialect.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

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
    let mut members = vec![
        ("grant_type", Some("authorization_code")),
        ("client_id", Some(client.client_id.as_str())),
        ("code", Some(code.expose())),
        ("code_verifier", Some(pending.code_verifier().expose())),
        ("redirect_uri", Some(pending.redirect_uri().as_str())),
    ];
    members.extend(resources(pending.resource()));
    post(client, &provider.token_endpoint, &members)
}

/// Renews (RFC 6749 §6). Without `scope` the server grants what it granted at login; `audience` asks for a token for
/// another API, where the server knows that, and so does `resource` (RFC 8707 §2.2): one or more of those that were asked
/// for at the login.
#[must_use]
pub fn refresh_request(
    client: &Client,
    provider: &ProviderMetadata,
    refresh_token: &RefreshToken,
    scope: Option<&Scope>,
    audience: Option<&str>,
    resource: &[String],
) -> Request {
    let scope = scope.map(ToString::to_string);
    let mut members = vec![
        ("grant_type", Some("refresh_token")),
        ("client_id", Some(client.client_id.as_str())),
        ("refresh_token", Some(refresh_token.expose())),
        ("scope", scope.as_deref()),
        ("audience", audience),
    ];
    members.extend(resources(resource));
    post(client, &provider.token_endpoint, &members)
}

/// A member each, as RFC 8707 §2 has them.
fn resources(resources: &[String]) -> impl Iterator<Item = (&'static str, Option<&str>)> {
    resources.iter().map(|resource| ("resource", Some(resource.as_str())))
}

/// A POST of `members`, in order and without those that are `None`, encoded as the dialect says.
pub(crate) fn post(client: &Client, endpoint: &Url, members: &[(&str, Option<&str>)]) -> Request {
    post_as(client.dialect.data().encoding, client, endpoint, members)
}

/// The same in an encoding that does not depend on the dialect.
pub(crate) fn post_as(
    encoding: TokenEncoding,
    client: &Client,
    endpoint: &Url,
    members: &[(&str, Option<&str>)],
) -> Request {
    let dialect = client.dialect.data();
    let mut headers = Headers::new();
    if let (Some(names), Some(telemetry)) = (&dialect.telemetry, &client.telemetry) {
        headers.push(names.header, telemetry.encoded());
    }
    let (content_type, body) = match encoding {
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

/// An object of strings (RFC 8259 §7), in which a name that comes more than once in a row has an array of them. Written by hand because `serde_json` grows its buffer while it writes.
fn json(members: &[(&str, Option<&str>)]) -> Body {
    let mut text = with_room_for(members);
    let present: Vec<(&str, &str)> = present(members).collect();
    let mut separator = '{';
    for values in present.chunk_by(|(name, _), (next, _)| name == next) {
        let [(name, _), ..] = values else { continue };
        text.push(separator);
        push_json_string(&mut text, name);
        text.push(':');
        let (open, close) = if values.len() > 1 { ("[", "]") } else { ("", "") };
        text.push_str(open);
        for (index, (_, value)) in values.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            push_json_string(&mut text, value);
        }
        text.push_str(close);
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

/// Room for the worst case of either encoding (a byte becomes six, and a member needs six more), so that the buffer is
/// never moved, which would leave a copy of a secret in memory that is not zeroed.
fn with_room_for(members: &[(&str, Option<&str>)]) -> String {
    String::with_capacity(present(members).map(|(name, value)| 6 * (name.len() + value.len() + 1)).sum::<usize>() + 2)
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::format;

    use super::*;
    use crate::authorize::AuthorizationParameters;
    use crate::client::Telemetry;
    use crate::fixtures::{self, auth0, auth0_provider, openid, openid_provider};

    const REDIRECT: &str = "com.example.app://tenant.eu.auth0.com/callback";

    fn body(request: &Request) -> &str {
        core::str::from_utf8(request.body.as_bytes()).unwrap()
    }

    #[test]
    fn a_renewal_at_auth0_is_the_labs_byte_for_byte() {
        let mut client = auth0();
        client.telemetry = Some(Telemetry::default());
        let request = refresh_request(&client, &auth0_provider(), &RefreshToken::new("v1.abc"), None, None, &[]);
        assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://tenant.eu.auth0.com/oauth/token"));
        assert_eq!(body(&request), r#"{"grant_type":"refresh_token","client_id":"client-1","refresh_token":"v1.abc"}"#);
        let headers: Vec<_> = request.headers.iter().collect();
        let telemetry = Telemetry::default().encoded();
        let expected = [
            ("Auth0-Client", telemetry.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
        ];
        assert_eq!(headers, expected);
        assert_eq!(request.max_response_bytes, MAX_TOKEN_RESPONSE);
    }

    #[test]
    fn a_renewal_with_scope_and_audience_has_them_last() {
        let scope = Scope::parse("openid read:reports").unwrap();
        let token = RefreshToken::new("v1.abc");
        let at_auth0 = refresh_request(&auth0(), &auth0_provider(), &token, Some(&scope), Some("https://api"), &[]);
        assert_eq!(
            body(&at_auth0),
            r#"{"grant_type":"refresh_token","client_id":"client-1","refresh_token":"v1.abc","scope":"openid read:reports","audience":"https://api"}"#
        );
        let elsewhere = refresh_request(&openid(), &openid_provider(), &token, Some(&scope), None, &[]);
        assert_eq!(
            body(&elsewhere),
            "grant_type=refresh_token&client_id=client-1&refresh_token=v1.abc&scope=openid+read%3Areports"
        );
    }

    #[test]
    fn resources_stand_in_the_code_exchange_and_in_a_renewal() {
        let resources = ["https://one.example/".to_owned(), "urn:two".to_owned()];
        let token = RefreshToken::new("t");
        let renewal = |client: &Client, provider: &ProviderMetadata, resources: &[String]| {
            body(&refresh_request(client, provider, &token, None, None, resources)).to_owned()
        };
        assert!(
            renewal(&openid(), &openid_provider(), &resources)
                .ends_with("refresh_token=t&resource=https%3A%2F%2Fone.example%2F&resource=urn%3Atwo")
        );
        assert!(
            renewal(&auth0(), &auth0_provider(), &resources)
                .ends_with(r#""refresh_token":"t","resource":["https://one.example/","urn:two"]}"#)
        );
        assert!(renewal(&auth0(), &auth0_provider(), &resources[1..]).ends_with(r#""resource":"urn:two"}"#));
        let parameters =
            AuthorizationParameters { resource: resources[..1].to_vec(), ..AuthorizationParameters::default() };
        let (_, pending) = fixtures::start_with(&openid(), &openid_provider(), REDIRECT, &parameters);
        let exchange = code_request(&openid(), &openid_provider(), &AuthorizationCode::new("c"), &pending);
        assert!(body(&exchange).ends_with("&resource=https%3A%2F%2Fone.example%2F"), "{}", body(&exchange));
    }

    #[test]
    fn telemetry_switched_off_or_at_another_provider_is_not_sent() {
        let token = RefreshToken::new("t");
        let off = refresh_request(&auth0(), &auth0_provider(), &token, None, None, &[]);
        assert_eq!(off.headers.get("Auth0-Client"), None);
        let mut client = openid();
        client.telemetry = Some(Telemetry::default());
        let elsewhere = refresh_request(&client, &openid_provider(), &token, None, None, &[]);
        assert_eq!(elsewhere.headers.get("Auth0-Client"), None);
        assert_eq!(elsewhere.headers.get("Content-Type"), Some("application/x-www-form-urlencoded"));
    }

    #[test]
    fn a_code_is_exchanged_with_its_verifier_and_redirect_uri() {
        let (_, pending) = fixtures::start(&auth0(), &auth0_provider(), REDIRECT);
        let verifier = pending.code_verifier().expose();
        let code = AuthorizationCode::new("c0/de");
        assert_eq!(
            body(&code_request(&auth0(), &auth0_provider(), &code, &pending)),
            format!(
                r#"{{"grant_type":"authorization_code","client_id":"client-1","code":"c0/de","code_verifier":"{verifier}","redirect_uri":"{REDIRECT}"}}"#
            )
        );
        assert_eq!(
            body(&code_request(&openid(), &openid_provider(), &code, &pending)),
            format!(
                "grant_type=authorization_code&client_id=client-1&code=c0%2Fde&code_verifier={verifier}\
                 &redirect_uri=com.example.app%3A%2F%2Ftenant.eu.auth0.com%2Fcallback"
            )
        );
    }

    #[test]
    fn every_character_in_a_json_body_is_read_back_as_it_was() {
        let text: String = (0..=0x2ff_u32).filter_map(char::from_u32).chain(['\u{2028}', '\u{1f511}']).collect();
        let bytes = json(&[("a", Some(&text)), ("b", None), ("c", Some(""))]);
        let read: serde_json::Value = serde_json::from_slice(bytes.as_bytes()).unwrap();
        assert_eq!(read, serde_json::json!({ "a": text, "c": "" }));
        assert_eq!(serde_json::to_string(&read).unwrap().len(), bytes.len() - escapes_that_have_a_short_form(&text));
    }

    /// `serde_json` writes `\b \t \n \f \r` in two characters where six are written here.
    fn escapes_that_have_a_short_form(text: &str) -> usize {
        4 * text.chars().filter(|character| matches!(character, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r')).count()
    }

    #[test]
    fn a_body_is_written_without_moving_its_buffer() {
        let worst = "\u{0}".repeat(1_000);
        let members = [("name", Some(worst.as_str())), ("x", Some(""))];
        let room = with_room_for(&members).capacity();
        assert!(json(&members).len() <= room && form(&members).len() <= room);
    }
}
