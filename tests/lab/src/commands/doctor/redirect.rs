//! Whether the provider takes this redirect URI for this client, and whether the system brings it back to an app.

use hallpass_core::protocol::authorize::{self, AuthorizationParameters, Prompt};
use hallpass_core::protocol::client::RedirectUri;
use hallpass_core::protocol::discovery::ProviderMetadata;
use hallpass_core::protocol::error::ServerError;
use hallpass_core::protocol::http::Response;
use hallpass_core::protocol::par;
use serde_json::Value;
use std::time::Duration;
use url::Url;

use super::Patient;
use super::finding::Findings;
use super::provider::is_absent;
use crate::failure::Failure;
use crate::settings::Setting;

/// A port that a loopback redirect may be given (RFC 8252 §7.3): any has to do.
const SOME_PORT: u16 = 49_173;

/// What the provider makes of an authorization request.
#[derive(Debug, PartialEq, Eq)]
enum Reception {
    /// It sends the browser back to the redirect URI, with this error or none.
    Back(Option<String>),
    /// It shows a page, such as its login.
    Page,
    /// It shows an error to the person.
    Refused(u16),
    /// It refused the request when it was pushed.
    NotPushed(String),
}

/// Asks with `prompt=none`, so that a provider that knows the redirect URI answers there; and with another one, to tell a
/// page that every request gets from one that this gets.
///
/// # Errors
/// [`Failure`] when the provider cannot be reached.
pub(super) async fn examine(
    patient: &Patient,
    metadata: &ProviderMetadata,
    findings: &mut Findings,
) -> Result<(), Failure> {
    const CHECK: &str = "redirect_uri";
    let configured = &patient.redirect_uri;
    let uri = if configured.is_loopback() && configured.url().port().is_none() {
        configured.with_port(SOME_PORT).unwrap_or_else(|_| configured.clone())
    } else {
        configured.clone()
    };
    let register = format!(
        "register {} for this application at the provider, exactly so{}; and check `client_id`",
        configured.as_str(),
        if configured.is_loopback() { " and for any port (RFC 8252 §7.3)" } else { "" }
    );
    let found = match reception(patient, metadata, &uri).await? {
        Reception::Back(error) => {
            match error.as_deref() {
                None | Some("login_required" | "interaction_required" | "consent_required" | "account_selection_required") => {
                    findings.ok(CHECK, format!("{} is registered", configured.as_str()));
                }
                Some(error) => findings.fail(
                    CHECK,
                    format!("{} is registered, and the login is refused there: {error}", configured.as_str()),
                    "see what the provider's log says; `invalid_scope` and `invalid_target` are about `scope` and `audience`, \
                     `unauthorized_client` about the grants that the application may use",
                ),
            }
            return Ok(());
        }
        Reception::NotPushed(words) => {
            findings.fail(CHECK, format!("the pushed login is refused: {words}"), register);
            return Ok(());
        }
        found @ (Reception::Page | Reception::Refused(_)) => found,
    };
    let stranger = stranger(configured);
    let of_stranger = match &stranger {
        Some(uri) => Some(reception(patient, metadata, uri).await?),
        None => None,
    };
    match (found, of_stranger) {
        (Reception::Refused(status), _) => {
            findings.fail(
                CHECK,
                format!("the provider shows an error page ({status}) and nothing comes back"),
                register,
            );
        }
        (_, Some(Reception::Refused(_) | Reception::NotPushed(_))) => findings.ok(
            CHECK,
            format!("{} is registered: another one gets an error page, this one a login", configured.as_str()),
        ),
        (_, _) => findings.note(
            CHECK,
            "the provider shows a page for any redirect URI, so this cannot be tested without a login",
            "run `lab doctor --login`",
        ),
    }
    Ok(())
}

/// One that nobody has registered, of the same kind.
fn stranger(configured: &RedirectUri) -> Option<RedirectUri> {
    let mut url = configured.url().clone();
    url.set_query(None);
    url.set_path("/not-registered-8f2c91");
    RedirectUri::danger_parse_any_scheme(url.as_str()).ok()
}

async fn reception(patient: &Patient, metadata: &ProviderMetadata, uri: &RedirectUri) -> Result<Reception, Failure> {
    let parameters = AuthorizationParameters {
        scope: patient.scope.clone(),
        audience: patient.account.settings().text(Setting::Audience).map(str::to_owned),
        prompt: vec![Prompt::None],
        ..AuthorizationParameters::default()
    };
    let lifetime = Duration::from_secs(60);
    let started = authorize::start(
        &patient.client,
        metadata,
        &parameters,
        uri.clone(),
        Patient::entropy()?,
        Patient::now(),
        lifetime,
    );
    let (mut url, _pending) = started.map_err(|error| patient.account.explained(error.into()))?;
    if pushes(patient, metadata)
        && let Some(request) = par::request(&patient.client, metadata, &url)
    {
        let response = patient.send(request).await.map_err(|error| patient.failed(error))?;
        url = match par::parse(&response, &patient.client, metadata) {
            Ok(page) => page,
            Err(error) => return Ok(Reception::NotPushed(words(&response, error.code()))),
        };
    }
    let response = patient.get(&url).await.map_err(|error| patient.failed(error))?;
    Ok(received(&response, &url, uri))
}

/// Whether logins are pushed at this tenant.
pub(super) fn pushes(patient: &Patient, metadata: &ProviderMetadata) -> bool {
    metadata.require_pushed_authorization_requests || patient.account.settings().is_on(Setting::Par)
}

/// A code, and the server's own words where it has some.
pub(super) fn words(response: &Response, code: &str) -> String {
    match ServerError::of_response(response).words.description() {
        Some(text) => format!("{code}, \"{text}\""),
        None => format!("{code} ({})", response.status),
    }
}

fn received(response: &Response, asked: &Url, uri: &RedirectUri) -> Reception {
    match (response.status, response.headers.get("location")) {
        (300..400, Some(location)) => {
            let is_back =
                location.strip_prefix(uri.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '#']));
            if is_back {
                let callback = Url::parse(location).ok();
                let error = callback.and_then(|url| {
                    url.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned())
                });
                return Reception::Back(error);
            }
            // Some providers send the person to a page that says what is wrong.
            let place = asked.join(location).ok();
            let is_error = place.is_some_and(|place| place.path().to_ascii_lowercase().contains("error"));
            if is_error { Reception::Refused(response.status) } else { Reception::Page }
        }
        (400.., _) => Reception::Refused(response.status),
        (_, _) => Reception::Page,
    }
}

/// The files by which the systems of phones believe that an `https` redirect belongs to an app.
pub(super) async fn examine_association(patient: &Patient, findings: &mut Findings) {
    let url = patient.redirect_uri.url();
    if url.scheme() != "https" {
        findings.note(
            "association",
            "the redirect URI is not https, so no apple-app-site-association and no assetlinks.json are needed",
            "",
        );
        return;
    }
    let host = url.host_str().unwrap_or_default();
    for (check, path, member, fix) in [
        (
            "apple",
            "/.well-known/apple-app-site-association",
            "webcredentials",
            "serve it with `{\"webcredentials\":{\"apps\":[\"TEAMID.bundle.id\"]}}` as application/json and without a \
             redirect; the app has `webcredentials:` and the domain among its Associated Domains",
        ),
        (
            "android",
            "/.well-known/assetlinks.json",
            "target",
            "serve it with the app's package name and the SHA-256 of its signing certificate (App Links), as \
             application/json and without a redirect",
        ),
    ] {
        let mut place = url.clone();
        place.set_query(None);
        place.set_path(path);
        let answer = patient.get(&place).await;
        match &answer {
            _ if is_absent(&answer) => {
                findings.fail(check, format!("https://{host}{path} is not there"), fix);
            }
            Err(error) => findings.fail(check, format!("{error}: https://{host}{path}"), fix),
            Ok(response) => {
                let document: Option<Value> = serde_json::from_slice(&response.body).ok();
                match document.filter(|document| document.to_string().contains(&format!("\"{member}\""))) {
                    Some(_) => findings.ok(check, format!("https://{host}{path} is there, and has `{member}`")),
                    None => findings.fail(check, format!("https://{host}{path} has no `{member}`, or is no JSON"), fix),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hallpass_core::protocol::http::Headers;

    use super::*;

    #[test]
    fn answer_to_a_request_without_a_page_tells_who_knows_the_redirect_uri() {
        let asked = Url::parse("https://op.example/authorize").unwrap();
        let uri = RedirectUri::parse("com.example.app:/callback").unwrap();
        let of = |status: u16, location: &str| {
            let headers =
                Headers::from_iter([("Location", location)].into_iter().filter(|(_, value)| !value.is_empty()));
            received(&Response { status, headers, body: Vec::new() }, &asked, &uri)
        };
        let back = |error: &str| Reception::Back(Some(error.to_owned()));
        assert_eq!(of(302, "com.example.app:/callback?error=login_required&state=x"), back("login_required"));
        assert_eq!(of(303, "com.example.app:/callback?code=1"), Reception::Back(None));
        assert_eq!(of(302, "com.example.app:/callback-of-another?error=x"), Reception::Page);
        assert_eq!(of(302, "/login?transaction=1"), Reception::Page);
        assert_eq!(of(302, "/error?description=x"), Reception::Refused(302));
        assert_eq!(of(200, ""), Reception::Page);
        assert_eq!(of(400, ""), Reception::Refused(400));
    }
}
