//! The device authorization grant (RFC 8628): a device without a browser shows a code, the user enters it elsewhere, and the
//! device asks until that has happened.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::Value;
use url::Url;

use crate::authorize::{self, AuthorizationParameters};
use crate::client::{Client, ConfigError, Loopback, TokenEncoding, parse_as_written};
use crate::discovery::ProviderMetadata;
use crate::error::ServerError;
use crate::http::{Request, Response};
use crate::lenient::{Member, Members};
use crate::secret::DeviceCode;
use crate::token::{post, post_as, seconds};

/// How often to ask when the server does not say (§3.2).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// By how much `slow_down` adds to the interval, for good (§3.5).
pub const SLOW_DOWN: Duration = Duration::from_secs(5);
/// No server means that it should be asked without a pause, nor once an hour.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// `expires_in` is required (§3.2); a server that leaves it out refuses the code when it is over.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest code that a user is asked to enter, in characters.
const MAX_USER_CODE: usize = 64;

/// What the server gave the device (§3.2).
#[derive(Debug)]
pub struct DeviceAuthorization {
    /// What the device asks with.
    pub device_code: DeviceCode,
    /// What the user enters.
    pub user_code: String,
    /// Where the user enters it.
    pub verification_uri: Url,
    /// The same with the code in it, for a QR code; not every server has it.
    pub verification_uri_complete: Option<Url>,
    /// For how long both codes are good.
    pub lifetime: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

/// Asks for a code (§3.1), with the parameters of a login that mean something without a browser on this device. `None` when
/// the provider has no endpoint for it.
///
/// Only `client_id` and `scope` are the specification's; a server ignores what it does not know (RFC 6749 §3.1).
///
/// # Errors
/// [`ConfigError`] as for [`authorize::start`].
pub fn request(
    client: &Client,
    provider: &ProviderMetadata,
    parameters: &AuthorizationParameters,
) -> Option<Result<Request, ConfigError>> {
    let endpoint = provider.device_authorization_endpoint.as_ref()?;
    if let Err(error) = authorize::check(client, parameters) {
        return Some(Err(error));
    }
    let scope = (!parameters.scope.is_empty()).then(|| parameters.scope.to_string());
    let max_age = parameters.max_age.map(|seconds| seconds.to_string());
    let mut members: Vec<(&str, Option<&str>)> = alloc::vec![
        ("client_id", Some(client.client_id.as_str())),
        ("scope", scope.as_deref()),
        ("audience", parameters.audience.as_deref()),
        ("organization", parameters.organization.as_deref()),
        ("max_age", max_age.as_deref()),
        ("login_hint", parameters.login_hint.as_deref()),
        ("ui_locales", parameters.ui_locales.as_deref()),
        ("acr_values", parameters.acr_values.as_deref()),
    ];
    members.extend(parameters.resource.iter().map(|resource| ("resource", Some(resource.as_str()))));
    members.extend(parameters.extra.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))));
    Some(Ok(post_as(TokenEncoding::Form, client, endpoint, &members)))
}

/// Reads the answer (§3.2). `verification_url`, which Google writes, is read where `verification_uri` is missing.
///
/// # Errors
/// [`DeviceError::Server`] for every status but 2xx and for a refusal with 200, as GitHub's;
/// [`DeviceError::Malformed`] when one of both codes or the place to enter it cannot be used.
pub fn parse(response: &Response, loopback: Loopback) -> Result<DeviceAuthorization, DeviceError> {
    const MEMBERS: [&str; 8] = [
        "device_code",
        "user_code",
        "verification_uri",
        "verification_url",
        "verification_uri_complete",
        "expires_in",
        "interval",
        "error",
    ];
    if !response.is_success() {
        return Err(DeviceError::Server(ServerError::of_response(response)));
    }
    let malformed = DeviceError::Malformed;
    let mut members = Members::of_response(response, &MEMBERS).map_err(|_| malformed("no JSON object in it"))?;
    if members.get("device_code").says_nothing() && !members.get("error").says_nothing() {
        return Err(DeviceError::Server(ServerError::of_response(response)));
    }
    let page = |text: Option<&str>| text.and_then(parse_as_written).filter(|url| loopback.permits(url));
    let verification_uri = page(members.text("verification_uri").or_else(|| members.text("verification_url")))
        .ok_or_else(|| malformed("no verification_uri that is an https URL"))?;
    let verification_uri_complete = page(members.text("verification_uri_complete"));
    let user_code = members
        .text("user_code")
        .map(str::trim)
        .filter(|code| (1..=MAX_USER_CODE).contains(&code.chars().count()) && !code.chars().any(char::is_control))
        .ok_or_else(|| malformed("no user_code that can be shown"))?
        .to_owned();
    let device_code = match members.take("device_code") {
        Member::Once(Value::String(code)) if !code.is_empty() => DeviceCode::new(code),
        Member::Once(_) | Member::Twice | Member::Absent => return Err(malformed("no device_code")),
    };
    let duration = |member: Member| match member {
        Member::Once(value) => seconds(&value),
        Member::Twice | Member::Absent => None,
    };
    Ok(DeviceAuthorization {
        device_code,
        user_code,
        verification_uri,
        verification_uri_complete,
        lifetime: duration(members.take("expires_in")).unwrap_or(DEFAULT_LIFETIME).min(LONGEST_LIFETIME),
        interval: duration(members.take("interval"))
            .unwrap_or(DEFAULT_INTERVAL)
            .clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL),
    })
}

/// Asks whether the user has approved (§3.4). The answer is read by [`token::parse`](crate::token::parse): tokens, or a
/// refusal whose code is `authorization_pending`, `slow_down`, `expired_token` or `access_denied` (§3.5).
#[must_use]
pub fn token_request(
    client: &Client,
    provider: &ProviderMetadata,
    device_code: &DeviceCode,
    resource: &[String],
) -> Request {
    let mut members = alloc::vec![
        ("grant_type", Some("urn:ietf:params:oauth:grant-type:device_code")),
        ("client_id", Some(client.client_id.as_str())),
        ("device_code", Some(device_code.expose())),
    ];
    members.extend(resource.iter().map(|resource| ("resource", Some(resource.as_str()))));
    post(client, &provider.token_endpoint, &members)
}

/// Why there is no code to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The server refused.
    #[error(transparent)]
    Server(ServerError),
    /// The status is 2xx and the body cannot be used.
    #[error("the device authorization response has {0}")]
    Malformed(&'static str),
}

impl DeviceError {
    /// What happened, from a fixed vocabulary.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Server(error) => error.code(),
            Self::Malformed(_) => "device_authorization_malformed",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use serde_json::json;

    use super::*;
    use crate::fixtures::{auth0, auth0_provider, openid, openid_provider, response};
    use crate::scope::Scope;

    fn document() -> Value {
        json!({
            "device_code": "GmRhmhcxhwAzkoEqiMEg", "user_code": "WDJB-MJHT", "verification_uri": "https://op.example/device",
            "verification_uri_complete": "https://op.example/device?user_code=WDJB-MJHT", "expires_in": 1800,
            "interval": 7,
        })
    }

    fn read(document: &Value) -> Result<DeviceAuthorization, DeviceError> {
        parse(&response(200, "application/json", &document.to_string()), Loopback::RequireHttps)
    }

    fn read_with(member: &str, value: Value) -> Result<DeviceAuthorization, DeviceError> {
        let mut document = document();
        document[member] = value;
        read(&document)
    }

    fn body(request: &Request) -> &str {
        core::str::from_utf8(request.body.as_bytes()).unwrap()
    }

    #[test]
    fn a_code_is_asked_for_as_a_form_with_what_the_login_asks_for() {
        let parameters = AuthorizationParameters {
            scope: Scope::parse("openid offline_access").unwrap(),
            audience: Some("https://api".to_owned()),
            resource: vec!["urn:one".to_owned()],
            max_age: Some(60),
            extra: vec![("tv".to_owned(), "yes".to_owned())],
            ..AuthorizationParameters::default()
        };
        let asked = request(&openid(), &openid_provider(), &parameters).unwrap().unwrap();
        assert_eq!(asked.url.as_str(), "https://op.example/realm/device");
        assert_eq!(
            body(&asked),
            "client_id=client-1&scope=openid+offline_access&audience=https%3A%2F%2Fapi&max_age=60&resource=urn%3Aone&tv=yes"
        );
        let at_auth0 = request(&auth0(), &auth0_provider(), &parameters).unwrap().unwrap();
        assert_eq!(at_auth0.url.as_str(), "https://tenant.eu.auth0.com/oauth/device/code");
        assert_eq!(at_auth0.headers.get("Content-Type"), Some("application/x-www-form-urlencoded"));
        let refused =
            AuthorizationParameters { extra: vec![("scope".to_owned(), "x".to_owned())], ..parameters.clone() };
        assert_eq!(request(&openid(), &openid_provider(), &refused).unwrap().unwrap_err(), ConfigError::ExtraParameter);
        let provider = ProviderMetadata { device_authorization_endpoint: None, ..openid_provider() };
        assert!(request(&openid(), &provider, &parameters).is_none());
    }

    #[test]
    fn the_question_names_the_device_code_in_the_dialects_encoding() {
        let code = DeviceCode::new("d/1");
        let request = token_request(&openid(), &openid_provider(), &code, &["urn:one".to_owned()]);
        assert_eq!(
            body(&request),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=client-1&device_code=d%2F1\
             &resource=urn%3Aone"
        );
        let request = token_request(&auth0(), &auth0_provider(), &code, &[]);
        assert!(body(&request).ends_with(r#""device_code":"d/1"}"#), "{}", body(&request));
    }

    #[test]
    fn a_whole_answer_is_read() {
        let read = read(&document()).unwrap();
        assert_eq!((read.device_code.expose(), read.user_code.as_str()), ("GmRhmhcxhwAzkoEqiMEg", "WDJB-MJHT"));
        assert_eq!(read.verification_uri.as_str(), "https://op.example/device");
        assert_eq!(read.verification_uri_complete.unwrap().as_str(), "https://op.example/device?user_code=WDJB-MJHT");
        assert_eq!((read.lifetime, read.interval), (Duration::from_secs(1800), Duration::from_secs(7)));
    }

    #[test]
    fn times_that_are_missing_or_odd_are_sensible() {
        let interval = |value| read_with("interval", value).unwrap().interval;
        assert_eq!(interval(json!(null)), DEFAULT_INTERVAL);
        assert_eq!(interval(json!("10")), Duration::from_secs(10));
        assert_eq!(interval(json!(0)), SHORTEST_INTERVAL);
        assert_eq!(interval(json!(-3)), SHORTEST_INTERVAL);
        assert_eq!(interval(json!(1e9)), LONGEST_INTERVAL);
        let lifetime = |value| read_with("expires_in", value).unwrap().lifetime;
        assert_eq!(lifetime(json!(null)), DEFAULT_LIFETIME);
        assert_eq!(lifetime(json!(u64::MAX)), LONGEST_LIFETIME);
    }

    #[test]
    fn googles_name_for_the_place_is_read_and_a_complete_one_that_cannot_be_used_is_none() {
        let mut document = document();
        document.as_object_mut().unwrap().remove("verification_uri");
        document["verification_url"] = json!("https://www.google.com/device");
        document["verification_uri_complete"] = json!("javascript:alert(1)");
        let read = read(&document).unwrap();
        assert_eq!(read.verification_uri.as_str(), "https://www.google.com/device");
        assert_eq!(read.verification_uri_complete, None);
    }

    #[test]
    fn an_answer_without_codes_or_with_a_place_that_is_not_https_is_refused() {
        for (member, value) in [
            ("device_code", json!(null)),
            ("device_code", json!("")),
            ("device_code", json!(7)),
            ("user_code", json!(null)),
            ("user_code", json!(" ")),
            ("user_code", json!("A\u{1b}[2J")),
            ("user_code", json!("x".repeat(MAX_USER_CODE + 1))),
            ("verification_uri", json!("http://op.example/device")),
            ("verification_uri", json!("javascript:alert(1)")),
            ("verification_uri", json!(1)),
        ] {
            assert!(matches!(read_with(member, value.clone()), Err(DeviceError::Malformed(_))), "{member} {value}");
        }
        for body in ["", "[]", "<html>"] {
            let answer = parse(&response(200, "application/json", body), Loopback::RequireHttps);
            assert!(matches!(answer, Err(DeviceError::Malformed(_))), "{body}");
        }
        let twice = format!(r#"{{"device_code":"a",{}"#, &document().to_string()[1..]);
        assert!(parse(&response(200, "application/json", &twice), Loopback::RequireHttps).is_err());
    }

    #[test]
    fn a_refusal_is_one_at_any_status() {
        for status in [200, 400, 401] {
            let refused = response(status, "application/json", r#"{"error":"unauthorized_client"}"#);
            assert_eq!(parse(&refused, Loopback::RequireHttps).unwrap_err().code(), "unauthorized_client");
        }
        let malformed = DeviceError::Malformed("x");
        assert_eq!(malformed.code(), "device_authorization_malformed");
    }
}
