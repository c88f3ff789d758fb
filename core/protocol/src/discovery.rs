//! Where the endpoints of an authorization server are: OpenID Connect Discovery 1.0 and RFC 8414.
//!
//! A dialect that knows its endpoints needs no request at all ([`ProviderMetadata::of_dialect`]).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::algorithm::Algorithm;
use crate::client::{Client, Issuer, Loopback, parse_as_written};
use crate::dpop;
use crate::http::{MAX_DISCOVERY_RESPONSE, Request, Response};
use crate::json;
use crate::pkce;

/// What is known about an authorization server. Made by [`parse`] or [`ProviderMetadata::of_dialect`]; it can be stored
/// with its lifetime, so that a cold start needs no request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderMetadata {
    /// The issuer, byte for byte that of the client.
    pub issuer: Issuer,
    /// Where the browser goes.
    pub authorization_endpoint: Url,
    /// Where codes and refresh tokens go.
    pub token_endpoint: Url,
    /// Where the keys are that sign ID tokens.
    pub jwks_uri: Url,
    /// Where claims about the user are, if anywhere.
    pub userinfo_endpoint: Option<Url>,
    /// Where tokens are revoked (RFC 7009), if anywhere.
    pub revocation_endpoint: Option<Url>,
    /// Where the browser logs out (OpenID Connect RP-Initiated Logout 1.0), if anywhere.
    pub end_session_endpoint: Option<Url>,
    /// Where authorization requests are pushed (RFC 9126 §5), if anywhere.
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// Whether the server takes pushed authorization requests only (RFC 9126 §5).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Where a device without a browser asks for a code (RFC 8628 §4), if anywhere.
    pub device_authorization_endpoint: Option<Url>,
    /// Whether every callback has `iss` (RFC 9207 §3), so that one without it is refused.
    pub authorization_response_iss_parameter_supported: bool,
    /// The algorithms of ID tokens that this crate knows too; empty when the server does not say.
    pub id_token_signing_alg_values_supported: Vec<Algorithm>,
    /// The PKCE methods as announced (RFC 8414 §2); `None` when the server does not say.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The algorithms of DPoP proofs as announced (RFC 9449 §5.1); `None` when the server does not say.
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
}

impl ProviderMetadata {
    /// Whether the server takes proofs of this crate, as far as it says.
    #[must_use]
    pub fn takes_dpop_proofs(&self) -> bool {
        let announced = self.dpop_signing_alg_values_supported.as_ref();
        announced.is_none_or(|algorithms| algorithms.iter().any(|name| name == dpop::ALGORITHM))
    }

    /// Checks metadata that comes from a cache by the rules of what comes from the net: it is the client's issuer's, each
    /// endpoint may be sent to, and PKCE can be used. Whoever can write the cache could send the tokens elsewhere.
    ///
    /// # Errors
    /// [`DiscoveryError::IssuerMismatch`], [`Insecure`](DiscoveryError::Insecure) or
    /// [`Unsupported`](DiscoveryError::Unsupported).
    pub fn check(&self, client: &Client, loopback: Loopback) -> Result<(), DiscoveryError> {
        // OpenID Connect Discovery §4.3, RFC 8414 §3.3: identical, not merely equivalent.
        if self.issuer.as_str() != client.issuer.as_str() {
            return Err(DiscoveryError::IssuerMismatch);
        }
        for (member, endpoint) in [
            ("authorization_endpoint", Some(&self.authorization_endpoint)),
            ("token_endpoint", Some(&self.token_endpoint)),
            ("jwks_uri", Some(&self.jwks_uri)),
            ("userinfo_endpoint", self.userinfo_endpoint.as_ref()),
            ("revocation_endpoint", self.revocation_endpoint.as_ref()),
            ("end_session_endpoint", self.end_session_endpoint.as_ref()),
            ("pushed_authorization_request_endpoint", self.pushed_authorization_request_endpoint.as_ref()),
            ("device_authorization_endpoint", self.device_authorization_endpoint.as_ref()),
        ] {
            if endpoint.is_some_and(|url| !may_be_used(url, loopback)) {
                return Err(DiscoveryError::Insecure { member });
            }
        }
        // A server that announces methods without S256 would let a stolen code be used.
        let methods = self.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| !methods.iter().any(|name| name == pkce::METHOD)) {
            return Err(DiscoveryError::Unsupported { member: "code_challenge_methods_supported" });
        }
        Ok(())
    }

    /// The metadata that follows from issuer and dialect alone; `None` when discovery is needed.
    #[must_use]
    pub fn of_dialect(client: &Client) -> Option<Self> {
        let paths = client.dialect.data().endpoints.as_ref()?;
        let endpoint = |path: &str| beneath(&client.issuer, path);
        Some(Self {
            issuer: client.issuer.clone(),
            authorization_endpoint: endpoint(paths.authorization),
            token_endpoint: endpoint(paths.token),
            jwks_uri: endpoint(paths.jwks),
            userinfo_endpoint: Some(endpoint(paths.userinfo)),
            revocation_endpoint: Some(endpoint(paths.revocation)),
            end_session_endpoint: Some(endpoint(paths.end_session)),
            pushed_authorization_request_endpoint: Some(endpoint(paths.pushed_authorization_request)),
            require_pushed_authorization_requests: false,
            device_authorization_endpoint: Some(endpoint(paths.device_authorization)),
            authorization_response_iss_parameter_supported: false,
            id_token_signing_alg_values_supported: Vec::new(),
            code_challenge_methods_supported: None,
            dpop_signing_alg_values_supported: None,
        })
    }
}

/// Asks for `{issuer}/.well-known/openid-configuration` (OpenID Connect Discovery §4: appended to the issuer's path).
#[must_use]
pub fn request(client: &Client) -> Request {
    Request::get_json(beneath(&client.issuer, ".well-known/openid-configuration"), MAX_DISCOVERY_RESPONSE)
}

/// Asks for the document at `url`, for a server that has it elsewhere. It has to name the client's issuer too.
#[must_use]
pub fn request_at(url: Url) -> Request {
    Request::get_json(url, MAX_DISCOVERY_RESPONSE)
}

/// Asks for RFC 8414's document, whose well-known path is between the issuer's host and its path (§3.1), for a server that
/// has no OpenID Connect document.
#[must_use]
pub fn oauth_request(client: &Client) -> Request {
    let issuer = client.issuer.url();
    let mut url = issuer.clone();
    url.set_path(&["/.well-known/oauth-authorization-server", issuer.path().trim_end_matches('/')].concat());
    Request::get_json(url, MAX_DISCOVERY_RESPONSE)
}

/// The request that follows a redirect of the document at `asked`, if it stays at the same scheme, host and port: some
/// servers have a canonical path. The document there has to name the client's issuer too, so the redirect gives no one new
/// control. `None` when the response is not such a redirect.
#[must_use]
pub fn redirected(asked: &Url, response: &Response) -> Option<Request> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let url = asked.join(response.headers.get("location")?).ok()?;
    (url.origin() == asked.origin()).then(|| request_at(url))
}

/// The URL `path` beneath the issuer, which ends in a slash or not.
pub(crate) fn beneath(issuer: &Issuer, path: &str) -> Url {
    let mut url = issuer.url().clone();
    url.set_path(&[issuer.url().path().trim_end_matches('/'), "/", path].concat());
    url
}

/// Reads the answer to either request.
///
/// # Errors
/// [`DiscoveryError`]; see its variants.
pub fn parse(response: &Response, client: &Client, loopback: Loopback) -> Result<ProviderMetadata, DiscoveryError> {
    if response.status != 200 {
        return Err(DiscoveryError::Status { status: response.status });
    }
    let document: Document =
        json::object(&response.body, MAX_DISCOVERY_RESPONSE).map_err(|json::Malformed| DiscoveryError::Malformed)?;

    // OpenID Connect Discovery §4.3, RFC 8414 §3.3: identical, not merely equivalent.
    let named = document.issuer.ok_or(DiscoveryError::Missing { member: "issuer" })?;
    if !client.issuer.is_named_in_metadata(&named) {
        return Err(DiscoveryError::IssuerMismatch);
    }

    let required = |member, value: Option<Value>| {
        let value = value.filter(|value| !value.is_null()).ok_or(DiscoveryError::Missing { member })?;
        value.as_str().and_then(parse_as_written).ok_or(DiscoveryError::Insecure { member })
    };
    // One that cannot be used is none: some servers write "" for what they do not have.
    let optional =
        |value: Option<Value>| value?.as_str().and_then(parse_as_written).filter(|url| may_be_used(url, loopback));

    // Required by both specifications, and nothing here depends on it but when it speaks against the code flow.
    if texts(document.response_types_supported).is_some_and(|types| !types.iter().any(|name| name == "code")) {
        return Err(DiscoveryError::Unsupported { member: "response_types_supported" });
    }
    let announced = texts(document.id_token_signing_alg_values_supported).unwrap_or_default();
    let algorithms: Vec<Algorithm> = announced.iter().filter_map(|name| Algorithm::of_name(name)).collect();
    if algorithms.is_empty() && !announced.is_empty() {
        return Err(DiscoveryError::Unsupported { member: "id_token_signing_alg_values_supported" });
    }

    let metadata = ProviderMetadata {
        issuer: client.issuer.clone(),
        authorization_endpoint: required("authorization_endpoint", document.authorization_endpoint)?,
        token_endpoint: required("token_endpoint", document.token_endpoint)?,
        jwks_uri: required("jwks_uri", document.jwks_uri)?,
        userinfo_endpoint: optional(document.userinfo_endpoint),
        revocation_endpoint: optional(document.revocation_endpoint),
        end_session_endpoint: optional(document.end_session_endpoint),
        pushed_authorization_request_endpoint: optional(document.pushed_authorization_request_endpoint),
        require_pushed_authorization_requests: document.require_pushed_authorization_requests
            == Some(Value::Bool(true)),
        device_authorization_endpoint: optional(document.device_authorization_endpoint),
        // Anything but a boolean says nothing, and an `iss` that comes is checked in any case.
        authorization_response_iss_parameter_supported: document.authorization_response_iss_parameter_supported
            == Some(Value::Bool(true)),
        id_token_signing_alg_values_supported: algorithms,
        code_challenge_methods_supported: texts(document.code_challenge_methods_supported),
        dpop_signing_alg_values_supported: texts(document.dpop_signing_alg_values_supported),
    };
    metadata.check(client, loopback)?;
    Ok(metadata)
}

/// Whether requests may go there, and the browser. An endpoint has no fragment (RFC 6749 §3.1, §3.2).
fn may_be_used(url: &Url, loopback: Loopback) -> bool {
    loopback.permits(url) && url.fragment().is_none()
}

/// The members that are read, of any type: a server with one of a wrong type may be usable without it.
#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    authorization_endpoint: Option<Value>,
    token_endpoint: Option<Value>,
    jwks_uri: Option<Value>,
    userinfo_endpoint: Option<Value>,
    revocation_endpoint: Option<Value>,
    end_session_endpoint: Option<Value>,
    pushed_authorization_request_endpoint: Option<Value>,
    require_pushed_authorization_requests: Option<Value>,
    device_authorization_endpoint: Option<Value>,
    response_types_supported: Option<Value>,
    authorization_response_iss_parameter_supported: Option<Value>,
    id_token_signing_alg_values_supported: Option<Value>,
    code_challenge_methods_supported: Option<Value>,
    dpop_signing_alg_values_supported: Option<Value>,
}

/// The texts of a list, or a single text in its place; `None` when nothing of the kind is said.
fn texts(value: Option<Value>) -> Option<Vec<String>> {
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    match value? {
        Value::Array(items) => Some(items.into_iter().filter_map(text).collect()),
        Value::String(text) => Some(alloc::vec![text]),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// Why an answer is not the metadata of this issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The status is not 200.
    #[error("the server answered with status {status}; check the issuer")]
    Status {
        /// The status.
        status: u16,
    },
    /// The body is not a JSON object with unique members and a text as `issuer`.
    #[error("the answer is not a metadata document; check the issuer")]
    Malformed,
    /// The document speaks for another issuer.
    #[error("the document is another issuer's; the issuer has to be given exactly as the server writes it")]
    IssuerMismatch,
    /// A required member is not there.
    #[error("the document lacks `{member}`")]
    Missing {
        /// The member.
        member: &'static str,
    },
    /// A required endpoint is no URL, or one that must not be used: not `https`, or with a fragment.
    #[error("`{member}` is not an https URL")]
    Insecure {
        /// The member.
        member: &'static str,
    },
    /// The server lacks something that a native app needs: the code flow, PKCE with S256, an algorithm that is known.
    #[error("`{member}` has nothing that can be used")]
    Unsupported {
        /// The member.
        member: &'static str,
    },
}

impl DiscoveryError {
    /// What happened, from a fixed vocabulary.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Status { .. } => "discovery_status",
            Self::Malformed => "discovery_malformed",
            Self::IssuerMismatch => "discovery_issuer",
            Self::Missing { .. } => "discovery_missing",
            Self::Insecure { .. } => "discovery_insecure",
            Self::Unsupported { .. } => "discovery_unsupported",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use serde_json::json;

    use super::*;
    use crate::client::Dialect;
    use crate::fixtures::{self, auth0, client, openid, response};

    fn document() -> Value {
        json!({
            "issuer": "https://op.example/realm",
            "authorization_endpoint": "https://login.example/auth?tenant=7",
            "token_endpoint": "https://op.example/token",
            "jwks_uri": "https://op.example/jwks",
            "userinfo_endpoint": "https://op.example/userinfo",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["HS256", "RS256", "ES512", "ES256"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": true,
            "claims_supported": ["sub"],
        })
    }

    fn read(document: &Value) -> Result<ProviderMetadata, DiscoveryError> {
        parse(&response(200, "application/json", &document.to_string()), &openid(), Loopback::RequireHttps)
    }

    fn read_with(member: &str, value: Value) -> Result<ProviderMetadata, DiscoveryError> {
        let mut document = document();
        document[member] = value;
        read(&document)
    }

    fn read_without(member: &str) -> Result<ProviderMetadata, DiscoveryError> {
        let mut document = document();
        document.as_object_mut().unwrap().remove(member).unwrap();
        read(&document)
    }

    #[test]
    fn a_complete_document_is_read() {
        let provider = read(&document()).unwrap();
        assert_eq!(provider.issuer.as_str(), "https://op.example/realm");
        assert_eq!(provider.authorization_endpoint.as_str(), "https://login.example/auth?tenant=7");
        assert_eq!(provider.token_endpoint.as_str(), "https://op.example/token");
        assert_eq!(provider.userinfo_endpoint.unwrap().as_str(), "https://op.example/userinfo");
        assert_eq!(provider.revocation_endpoint, None);
        assert!(provider.authorization_response_iss_parameter_supported);
        assert_eq!(provider.id_token_signing_alg_values_supported, [Algorithm::Rs256, Algorithm::Es256]);
    }

    #[test]
    fn metadata_stored_is_read_as_it_was() {
        let provider = read(&document()).unwrap();
        let text = serde_json::to_string(&provider).unwrap();
        assert_eq!(serde_json::from_str::<ProviderMetadata>(&text).unwrap(), provider);
    }

    #[test]
    fn metadata_stored_before_a_member_was_known_is_read() {
        let mut stored = serde_json::to_value(read(&document()).unwrap()).unwrap();
        for member in [
            "dpop_signing_alg_values_supported",
            "pushed_authorization_request_endpoint",
            "require_pushed_authorization_requests",
            "device_authorization_endpoint",
        ] {
            stored.as_object_mut().unwrap().remove(member).unwrap();
        }
        assert_eq!(serde_json::from_value::<ProviderMetadata>(stored).unwrap(), read(&document()).unwrap());
    }

    #[test]
    fn proofs_are_taken_unless_the_server_names_other_algorithms() {
        let takes = |value| read_with("dpop_signing_alg_values_supported", value).unwrap().takes_dpop_proofs();
        assert!(read(&document()).unwrap().takes_dpop_proofs());
        assert!(takes(json!(["RS256", "ES256"])));
        assert!(!takes(json!(["RS256", "es256"])) && !takes(json!([])));
    }

    #[test]
    fn an_issuer_that_is_equivalent_but_not_identical_is_refused() {
        for issuer in ["https://op.example/realm/", "https://OP.example/realm", "https://op.example:443/realm", ""] {
            assert_eq!(read_with("issuer", json!(issuer)), Err(DiscoveryError::IssuerMismatch), "{issuer}");
        }
    }

    #[test]
    fn a_document_without_a_required_member_is_refused() {
        for member in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            assert_eq!(read_without(member), Err(DiscoveryError::Missing { member }));
        }
        for member in ["userinfo_endpoint", "subject_types_supported", "id_token_signing_alg_values_supported"] {
            assert!(read_without(member).is_ok(), "{member}");
        }
    }

    #[test]
    fn an_endpoint_that_is_not_https_is_refused_but_on_this_machine_when_allowed() {
        for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for url in
                ["http://op.example/x", "http://localhost/x", "javascript:alert(1)", "/x", "", "https://op.example/#x"]
            {
                assert_eq!(read_with(member, json!(url)), Err(DiscoveryError::Insecure { member }), "{url}");
            }
        }
        for url in ["http://127.0.0.1:3000/token", "http://10.0.2.2:3000/token"] {
            let mut document = document();
            document["token_endpoint"] = json!(url);
            let response = response(200, "application/json", &document.to_string());
            assert!(parse(&response, &openid(), Loopback::AllowHttp).is_ok(), "{url}");
            let refused = Err(DiscoveryError::Insecure { member: "token_endpoint" });
            assert_eq!(parse(&response, &openid(), Loopback::RequireHttps), refused, "{url}");
        }
    }

    #[test]
    fn an_optional_endpoint_that_cannot_be_used_is_absent() {
        for value in [
            json!(""),
            json!("http://op.example/x"),
            json!("http://127.0.0.1/x"),
            json!("javascript:alert(1)"),
            json!("/x"),
            json!("https://op.example/#x"),
            json!(" https://op.example/x"),
            json!(1),
            json!(["https://op.example/x"]),
            json!(null),
        ] {
            let read = |member: &str| read_with(member, value.clone()).unwrap();
            assert_eq!(read("userinfo_endpoint").userinfo_endpoint, None, "{value}");
            assert_eq!(read("revocation_endpoint").revocation_endpoint, None, "{value}");
            assert_eq!(read("end_session_endpoint").end_session_endpoint, None, "{value}");
            let member = "pushed_authorization_request_endpoint";
            assert_eq!(read(member).pushed_authorization_request_endpoint, None, "{value}");
            assert_eq!(read("device_authorization_endpoint").device_authorization_endpoint, None, "{value}");
        }
        let url = "https://op.example/x";
        assert_eq!(read_with("revocation_endpoint", json!(url)).unwrap().revocation_endpoint.unwrap().as_str(), url);
        assert_eq!(read_with("end_session_endpoint", json!(url)).unwrap().end_session_endpoint.unwrap().as_str(), url);
    }

    #[test]
    fn a_required_endpoint_of_another_type_is_insecure_and_null_is_missing() {
        for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            assert_eq!(read_with(member, json!(1)), Err(DiscoveryError::Insecure { member }));
            assert_eq!(read_with(member, json!(null)), Err(DiscoveryError::Missing { member }));
        }
    }

    #[test]
    fn a_member_of_another_type_says_nothing() {
        assert!(read_without("response_types_supported").is_ok());
        for value in [json!(null), json!(true), json!({})] {
            assert!(read_with("response_types_supported", value.clone()).is_ok(), "{value}");
            let provider = read_with("id_token_signing_alg_values_supported", value.clone()).unwrap();
            assert_eq!(provider.id_token_signing_alg_values_supported, [], "{value}");
            let provider = read_with("code_challenge_methods_supported", value.clone()).unwrap();
            assert_eq!(provider.code_challenge_methods_supported, None, "{value}");
            assert!(read_with("dpop_signing_alg_values_supported", value).unwrap().takes_dpop_proofs());
        }
        for value in [json!("true"), json!(1), json!(null), json!(false)] {
            let provider = read_with("authorization_response_iss_parameter_supported", value.clone()).unwrap();
            assert!(!provider.authorization_response_iss_parameter_supported, "{value}");
        }
        assert!(read_with("response_types_supported", json!("code")).is_ok());
        assert!(read_with("response_types_supported", json!([1, "code"])).is_ok());
        let provider = read_with("id_token_signing_alg_values_supported", json!("ES256")).unwrap();
        assert_eq!(provider.id_token_signing_alg_values_supported, [Algorithm::Es256]);
        assert!(read(&document()).unwrap().authorization_response_iss_parameter_supported);
    }

    #[test]
    fn pushed_requests_are_required_only_by_a_boolean_that_says_so() {
        let required = |value| {
            let member = "require_pushed_authorization_requests";
            read_with(member, value).unwrap().require_pushed_authorization_requests
        };
        assert!(required(json!(true)));
        for value in [json!(false), json!("true"), json!(1), json!(null)] {
            assert!(!required(value.clone()), "{value}");
        }
        assert!(!read(&document()).unwrap().require_pushed_authorization_requests);
    }

    #[test]
    fn a_document_behind_a_byte_order_mark_is_read() {
        let answer = response(200, "application/json", &format!("\u{feff}{}", document()));
        assert!(parse(&answer, &openid(), Loopback::RequireHttps).is_ok());
    }

    #[test]
    fn metadata_of_a_cache_is_checked_as_what_comes_from_the_net() {
        let good = read(&document()).unwrap();
        let checked = |metadata: &ProviderMetadata| metadata.check(&openid(), Loopback::RequireHttps);
        assert_eq!(checked(&good), Ok(()));
        assert_eq!(good.check(&auth0(), Loopback::RequireHttps), Err(DiscoveryError::IssuerMismatch));
        type Change = fn(&mut ProviderMetadata, Url);
        let changes: [(&str, Change); 8] = [
            ("authorization_endpoint", |metadata, url| metadata.authorization_endpoint = url),
            ("token_endpoint", |metadata, url| metadata.token_endpoint = url),
            ("jwks_uri", |metadata, url| metadata.jwks_uri = url),
            ("userinfo_endpoint", |metadata, url| metadata.userinfo_endpoint = Some(url)),
            ("revocation_endpoint", |metadata, url| metadata.revocation_endpoint = Some(url)),
            ("end_session_endpoint", |metadata, url| metadata.end_session_endpoint = Some(url)),
            ("pushed_authorization_request_endpoint", |metadata, url| {
                metadata.pushed_authorization_request_endpoint = Some(url);
            }),
            ("device_authorization_endpoint", |metadata, url| metadata.device_authorization_endpoint = Some(url)),
        ];
        for (member, change) in changes {
            for (url, allowed_on_loopback) in
                [("http://op.example/x", false), ("https://op.example/#x", false), ("http://127.0.0.1:3000/x", true)]
            {
                let mut metadata = good.clone();
                change(&mut metadata, Url::parse(url).unwrap());
                assert_eq!(checked(&metadata), Err(DiscoveryError::Insecure { member }), "{url}");
                let on_loopback = metadata.check(&openid(), Loopback::AllowHttp);
                assert_eq!(on_loopback.is_ok(), allowed_on_loopback, "{member} {url}");
            }
        }
        let plain = Some(alloc::vec![String::from("plain")]);
        let metadata = ProviderMetadata { code_challenge_methods_supported: plain, ..good };
        let member = "code_challenge_methods_supported";
        assert_eq!(checked(&metadata), Err(DiscoveryError::Unsupported { member }));
    }

    #[test]
    fn a_server_that_lacks_the_code_flow_or_s256_or_every_known_algorithm_is_refused() {
        for (member, value) in [
            ("response_types_supported", json!(["id_token"])),
            ("code_challenge_methods_supported", json!(["plain"])),
            ("code_challenge_methods_supported", json!([])),
            ("id_token_signing_alg_values_supported", json!(["HS256", "none"])),
        ] {
            assert_eq!(read_with(member, value), Err(DiscoveryError::Unsupported { member }));
        }
        assert!(read_without("code_challenge_methods_supported").is_ok());
    }

    #[test]
    fn an_answer_that_is_no_document_is_refused() {
        let text = document().to_string();
        let twice = format!(r#"{{"jwks_uri":"https://evil.example/",{}"#, &text[1..]);
        for body in ["", "<html>", "[]", "{\"issuer\":1}", &text[..text.len() - 1], &twice] {
            let answer = response(200, "application/json", body);
            assert_eq!(parse(&answer, &openid(), Loopback::RequireHttps), Err(DiscoveryError::Malformed), "{body}");
        }
        for status in [204, 302, 404, 500] {
            let answer = response(status, "application/json", &text);
            let expected = Err(DiscoveryError::Status { status });
            assert_eq!(parse(&answer, &openid(), Loopback::RequireHttps), expected);
        }
    }

    #[test]
    fn the_request_goes_beneath_the_issuer() {
        for (issuer, expected, oauth) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example/t/1",
                "https://a.example/t/1/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server/t/1",
            ),
            (
                "https://a.example/t/",
                "https://a.example/t/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server/t",
            ),
        ] {
            let client = client(Dialect::OpenIdConnect, issuer);
            assert_eq!(request(&client).url.as_str(), expected);
            assert_eq!(oauth_request(&client).url.as_str(), oauth);
        }
    }

    #[test]
    fn a_redirect_is_followed_at_the_same_origin_only() {
        let asked = Url::parse("https://op.example/realm/.well-known/openid-configuration").unwrap();
        let to = |status: u16, location: &str| {
            let headers = crate::http::Headers::from_iter([("Location", location)]);
            redirected(&asked, &Response { status, headers, body: Vec::new() }).map(|request| String::from(request.url))
        };
        for (location, expected) in [
            ("/metadata", "https://op.example/metadata"),
            ("https://op.example:443/x?y=1", "https://op.example/x?y=1"),
            ("openid-configuration/", "https://op.example/realm/.well-known/openid-configuration/"),
        ] {
            for status in [301, 302, 303, 307, 308] {
                assert_eq!(to(status, location).as_deref(), Some(expected), "{status}");
            }
            assert_eq!(to(200, location), None);
        }
        for location in ["https://other.example/x", "http://op.example/x", "https://op.example:8443/x", "javascript:x"]
        {
            assert_eq!(to(302, location), None, "{location}");
        }
    }

    #[test]
    fn auth0s_endpoints_follow_from_its_issuer() {
        let provider = fixtures::auth0_provider();
        for (endpoint, path) in [
            (&provider.authorization_endpoint, "authorize"),
            (&provider.token_endpoint, "oauth/token"),
            (&provider.jwks_uri, ".well-known/jwks.json"),
            (provider.userinfo_endpoint.as_ref().unwrap(), "userinfo"),
            (provider.revocation_endpoint.as_ref().unwrap(), "oauth/revoke"),
            (provider.end_session_endpoint.as_ref().unwrap(), "oidc/logout"),
            (provider.pushed_authorization_request_endpoint.as_ref().unwrap(), "oauth/par"),
            (provider.device_authorization_endpoint.as_ref().unwrap(), "oauth/device/code"),
        ] {
            assert_eq!(endpoint.as_str(), format!("{}{path}", auth0().issuer));
        }
        assert_eq!(ProviderMetadata::of_dialect(&openid()), None);
    }

    #[test]
    fn every_error_has_its_code() {
        for (error, code) in [
            (DiscoveryError::Status { status: 404 }, "discovery_status"),
            (DiscoveryError::Malformed, "discovery_malformed"),
            (DiscoveryError::IssuerMismatch, "discovery_issuer"),
            (DiscoveryError::Missing { member: "jwks_uri" }, "discovery_missing"),
            (DiscoveryError::Insecure { member: "jwks_uri" }, "discovery_insecure"),
            (DiscoveryError::Unsupported { member: "jwks_uri" }, "discovery_unsupported"),
        ] {
            assert_eq!(error.code(), code);
            assert!(!error.to_string().is_empty());
        }
    }
}
