//! What the provider says of itself: metadata, keys, endpoints, clock.

use hallpass_core::ports::TransportError;
use hallpass_core::protocol::client::Dialect;
use hallpass_core::protocol::discovery::{self, DiscoveryError, ProviderMetadata};
use hallpass_core::protocol::http::Response;
use hallpass_core::protocol::jwk;
use serde_json::Value;

use super::Patient;
use super::finding::Findings;
use crate::failure::Failure;

/// Two clocks that are further apart than this are told of, in seconds. ID tokens are judged with a leeway of a minute.
const CLOCKS_MAY_DIFFER: i64 = 5;
const LEEWAY: i64 = 60;

/// Reads metadata and keys. Returns the metadata where it can be used.
///
/// # Errors
/// [`Failure`] when the provider cannot be reached at all.
pub(super) async fn examine(patient: &Patient, findings: &mut Findings) -> Result<Option<ProviderMetadata>, Failure> {
    let request = discovery::request(&patient.client);
    let place = request.url.clone();
    let mut response = patient.send(request).await.map_err(|error| patient.failed(error))?;
    // As the core follows it: within the host.
    if let Some(next) = discovery::redirected(&place, &response) {
        findings.note("metadata", format!("{place} redirects to {}, within its host", next.url), "");
        response = patient.send(next).await.map_err(|error| patient.failed(error))?;
    }
    examine_clock(&response, findings);
    if response.status == 404 {
        let request = discovery::oauth_request(&patient.client);
        let other = request.url.clone();
        let elsewhere = patient.send(request).await.map_err(|error| patient.failed(error))?;
        if elsewhere.status == 200 {
            findings.ok("metadata", format!("found at {other} (RFC 8414)"));
            response = elsewhere;
        }
    } else if response.status == 200 {
        findings.ok("metadata", format!("found at {place}"));
    }
    if (300..400).contains(&response.status) {
        let to = response.headers.get("location").unwrap_or_default();
        findings.warn(
            "metadata",
            format!("{place} redirects to {to}"),
            "set `issuer` to what the metadata there calls itself; a redirect to another host is not followed",
        );
        return Ok(None);
    }
    let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let metadata = match discovery::parse(&response, &patient.client, patient.loopback) {
        Ok(metadata) => metadata,
        Err(error) => {
            tell_why(patient, &error, &document, findings);
            return Ok(None);
        }
    };
    findings.ok("issuer", format!("it calls itself {}, as the settings do", metadata.issuer.as_str()));
    examine_flow(&document, findings);
    examine_keys(patient, &metadata, &document, findings).await;
    examine_endpoints(patient, &metadata, &document, findings);
    // Where the endpoints follow from the domain, those are used.
    Ok(Some(match (patient.client.dialect, ProviderMetadata::of_dialect(&patient.client)) {
        (Dialect::Auth0, Some(known)) => ProviderMetadata {
            require_pushed_authorization_requests: metadata.require_pushed_authorization_requests,
            ..known
        },
        (Dialect::Auth0 | Dialect::OpenIdConnect, _) => metadata,
    }))
}

fn tell_why(patient: &Patient, error: &DiscoveryError, document: &Value, findings: &mut Findings) {
    let ours = patient.client.issuer.as_str();
    match error {
        DiscoveryError::IssuerMismatch => {
            let theirs = document["issuer"].as_str().unwrap_or_default();
            let why = if theirs.trim_end_matches('/') == ours.trim_end_matches('/') {
                "only the slash at the end differs, and it counts"
            } else {
                "they have to be the same, byte for byte"
            };
            findings.fail(
                "issuer",
                format!("the server calls itself {theirs:?}, the settings say {ours:?}: {why}"),
                format!("set `issuer` to {theirs:?}, if that is the provider that you mean"),
            );
        }
        DiscoveryError::Status { status } => findings.fail(
            "metadata",
            format!("the answer is {status} at .well-known/openid-configuration below {ours}"),
            "check the host and the path of `issuer`; the provider's documentation or dashboard has it",
        ),
        DiscoveryError::Malformed => findings.fail(
            "metadata",
            "the response is not a metadata document",
            "check `issuer`, and for a captive portal or a proxy on the way",
        ),
        DiscoveryError::Missing { member } => findings.fail(
            "metadata",
            format!("it has no `{member}`"),
            "the provider has to fix this; without it no one can sign in",
        ),
        DiscoveryError::Insecure { member } => findings.fail(
            "metadata",
            format!("`{member}` is not https"),
            "have the provider use its public https address (a proxy before it may have to pass the scheme on)",
        ),
        DiscoveryError::Unsupported { member: "code_challenge_methods_supported" } => findings.fail(
            "pkce",
            "it supports code challenges, but not S256",
            "switch PKCE with S256 on at the provider (RFC 7636); without it a stolen code could be used",
        ),
        DiscoveryError::Unsupported { member: "response_types_supported" } => findings.fail(
            "code_flow",
            "it does not offer the response type `code`",
            "switch the authorization code flow on at the provider",
        ),
        DiscoveryError::Unsupported { member } => findings.fail(
            "algorithms",
            format!("`{member}` has no algorithm that an app can check"),
            "have ID tokens signed with RS256, ES256 or EdDSA at the provider; HS256 and none are not accepted",
        ),
    }
}

fn examine_flow(document: &Value, findings: &mut Findings) {
    let has =
        |member: &str, value: &str| document[member].as_array().map(|items| items.iter().any(|item| item == value));
    findings.ok("code_flow", "it offers the authorization code flow");
    match has("code_challenge_methods_supported", "S256") {
        Some(_) => findings.ok("pkce", "S256 is announced"),
        None => findings.note(
            "pkce",
            "it does not say whether it supports PKCE; S256 is always sent",
            "require PKCE for this application at the provider, where it can be required",
        ),
    }
    if document["authorization_response_iss_parameter_supported"] == true {
        findings.ok("iss", "callbacks name their issuer (RFC 9207)");
    } else {
        findings.note("iss", "callbacks do not name their issuer (RFC 9207); `state` and PKCE protect the login", "");
    }
    match has("scopes_supported", "offline_access") {
        Some(true) => findings.ok("offline_access", "the scope is offered"),
        Some(false) => findings.warn(
            "offline_access",
            "the scope is not among `scopes_supported`; sessions may end with their first access token",
            "allow offline access (refresh tokens) for the application and the API, or see in the provider's \
             documentation what brings a refresh token there",
        ),
        None => findings.note("offline_access", "it does not say which scopes it offers", ""),
    }
}

async fn examine_keys(patient: &Patient, metadata: &ProviderMetadata, document: &Value, findings: &mut Findings) {
    let announced = document["id_token_signing_alg_values_supported"].as_array();
    let algorithms: Vec<&str> = announced.into_iter().flatten().filter_map(Value::as_str).collect();
    let told = if algorithms.is_empty() { "no algorithm is announced".to_owned() } else { algorithms.join(", ") };
    findings.ok("algorithms", told);
    match patient.send(jwk::request(&metadata.jwks_uri)).await.map(|response| jwk::parse(&response)) {
        Ok(Ok(keys)) => findings.ok("keys", format!("{} that can be used, at {}", keys.len(), metadata.jwks_uri)),
        Ok(Err(error)) => findings.fail(
            "keys",
            format!("{error} ({}, at {})", error.code(), metadata.jwks_uri),
            "have the provider publish an RSA key of 2048 bits or more, a P-256 or P-384 key, or an Ed25519 key",
        ),
        Err(error) => findings.fail(
            "keys",
            format!("{error}: {}", metadata.jwks_uri),
            "have `jwks_uri` reachable from where the app runs",
        ),
    }
}

fn examine_endpoints(patient: &Patient, metadata: &ProviderMetadata, document: &Value, findings: &mut Findings) {
    let wants_par = patient.account.settings().is_on(crate::settings::Setting::Par);
    match (&metadata.pushed_authorization_request_endpoint, metadata.require_pushed_authorization_requests) {
        (None, false) if wants_par => findings.fail(
            "par",
            "the settings ask for pushed requests, and there is no endpoint for them",
            "leave `par` out, or switch PAR (RFC 9126) on at the provider",
        ),
        (None, true) => findings.fail(
            "par",
            "pushed requests are required, and there is no endpoint for them",
            "the provider has to fix this",
        ),
        (Some(_), true) if patient.client.dialect == Dialect::Auth0 && !wants_par => findings.fail(
            "par",
            "pushed requests are required, which is not read from a tenant's metadata at each start",
            "set `par = true` (in an app: `Config::par`)",
        ),
        (Some(_), true) => findings.ok("par", "logins have to be pushed (RFC 9126), and are"),
        (Some(_), false) => findings.ok("par", "offered; logins are pushed where the settings say `par`"),
        (None, false) => findings.note("par", "not offered", ""),
    }
    let proofs = document["dpop_signing_alg_values_supported"].as_array();
    let wants_dpop = patient.account.settings().is_on(crate::settings::Setting::Dpop);
    match proofs.map(|names| names.iter().any(|name| name == "ES256")) {
        Some(true) => findings.ok("dpop", "offered, with ES256; tokens are bound where the settings say `dpop`"),
        Some(false) | None if wants_dpop => findings.fail(
            "dpop",
            "the settings ask for tokens bound to a key, and it does not offer DPoP with ES256",
            "switch DPoP on for the application at the provider, or leave `dpop` out",
        ),
        Some(false) | None => findings.note("dpop", "not offered; tokens are bearer tokens", ""),
    }
    match &metadata.device_authorization_endpoint {
        Some(_) => findings.ok("device", "the device flow is offered: `lab login --device`"),
        None => findings.note("device", "the device flow is not offered", ""),
    }
    match &metadata.revocation_endpoint {
        Some(_) => findings.ok("revocation", "a logout revokes the refresh token at the server"),
        None => findings.warn(
            "revocation",
            "there is no revocation endpoint: after a logout a copied refresh token lives on until it expires",
            "keep the lifetime of refresh tokens short, or have the provider offer RFC 7009",
        ),
    }
    match &metadata.end_session_endpoint {
        Some(_) => findings.ok("logout", "the server's own session can be ended in the browser"),
        None => findings.note(
            "logout",
            "the server's own session cannot be ended: the next login may not ask for a password",
            "use `--prompt login` where that matters",
        ),
    }
}

/// The `Date` of an answer against this machine's clock.
fn examine_clock(response: &Response, findings: &mut Findings) {
    let Some(date) = response.headers.get("date").and_then(|date| httpdate::parse_http_date(date).ok()) else {
        findings.note("clock", "the server does not tell its time (no Date field)", "");
        return;
    };
    let server = date.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let ahead = Patient::now().unix_seconds() - i64::try_from(server).unwrap_or_default();
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    match ahead.abs() {
        0..=CLOCKS_MAY_DIFFER => findings.ok("clock", "this machine and the server agree about the time"),
        off @ ..=LEEWAY => findings.note("clock", format!("this machine is {off} s {which} the server"), ""),
        off => findings.warn(
            "clock",
            format!("this machine is {off} s {which} the server"),
            "correct the clock that is wrong; an app corrects its own by the server's, other clients do not",
        ),
    }
}

/// A document that may not be there.
pub(super) fn is_absent(answer: &Result<Response, TransportError>) -> bool {
    answer.as_ref().is_ok_and(|response| response.status != 200)
}
