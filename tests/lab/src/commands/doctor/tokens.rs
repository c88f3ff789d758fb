//! What only tokens tell: whether there is a refresh token, whether it rotates, for how long a spent one is taken again, and
//! whether a revocation ends it.
//!
//! It signs in with a session of its own, in this process's memory alone. A spent refresh token that comes back looks like a
//! stolen one, so this must never be done with a session that a person uses.

use std::time::Duration;

use hallpass_core::ports::{Browser, TransportError};
use hallpass_core::protocol::authorize::{self, AuthorizationParameters};
use hallpass_core::protocol::callback::Callback;
use hallpass_core::protocol::discovery::ProviderMetadata;
use hallpass_core::protocol::http::Response;
use hallpass_core::protocol::secret::RefreshToken;
use hallpass_core::protocol::token::{self, TokenError, TokenResponse, TokenType};
use hallpass_core::protocol::{id_token, jwk, par, revoke};

use super::Patient;
use super::finding::Findings;
use super::redirect::{pushes, words};
use crate::cli::DoctorArguments;
use crate::commands::browser::{Purpose, TalkingBrowser};
use crate::commands::login::{PATIENCE, hint};
use crate::failure::Failure;
use crate::settings::Setting;
use crate::terminal::note;

/// How long after a rotation the spent token comes back, in seconds.
const DELAYS: [u64; 8] = [0, 1, 2, 4, 8, 16, 32, 60];
/// A lost answer is asked for again for so long, in seconds. A provider that forgives for this long signs nobody out.
const WANTED: u64 = 60;

/// Signs in and measures.
///
/// # Errors
/// [`Failure`] when the login does not come to its end.
pub(super) async fn examine(
    patient: &Patient,
    metadata: &ProviderMetadata,
    arguments: &DoctorArguments,
    findings: &mut Findings,
) -> Result<(), Failure> {
    if patient.account.settings().is_on(Setting::Dpop) {
        findings.note("tokens", "not measured: this makes no proofs of possession", "run it without `dpop`");
        return Ok(());
    }
    let Some(tokens) = sign_in(patient, metadata, arguments, findings).await? else { return Ok(()) };
    let Some(refresh_token) = tokens.refresh_token else {
        findings.fail(
            "refresh_token",
            "none was given: the session ends with its access token",
            "ask for `offline_access` in `scope`, allow it for the application and the API, and enable the refresh token \
             grant; some providers want `prompt=consent` too",
        );
        return Ok(());
    };
    findings.ok("refresh_token", "given");
    let latest = measure(patient, metadata, refresh_token, arguments.reuse_limit, findings).await;
    end(patient, metadata, &latest, findings).await;
    Ok(())
}

/// Logs in in the browser and exchanges the code.
async fn sign_in(
    patient: &Patient,
    metadata: &ProviderMetadata,
    arguments: &DoctorArguments,
    findings: &mut Findings,
) -> Result<Option<TokenResponse>, Failure> {
    let account = &patient.account;
    let explained = |error: hallpass_core::Error| account.explained(error);
    let browser = TalkingBrowser::new(Purpose::Login, arguments.no_open, hint(account), account.watch().clone())
        .patience(PATIENCE);
    let mut visit = browser.begin(&patient.redirect_uri).await.map_err(|error| explained(error.into()))?;
    let parameters = AuthorizationParameters {
        scope: patient.scope.clone(),
        audience: account.settings().text(Setting::Audience).map(str::to_owned),
        organization: account.settings().text(Setting::Organization).map(str::to_owned),
        ..AuthorizationParameters::default()
    };
    let (entropy, now) = (Patient::entropy()?, Patient::now());
    let (client, uri) = (&patient.client, visit.redirect_uri());
    let started = authorize::start(client, metadata, &parameters, uri, entropy, now, Duration::from_secs(900));
    let (mut page, pending) = started.map_err(|error| explained(error.into()))?;
    if pushes(patient, metadata)
        && let Some(request) = par::request(client, metadata, &page)
    {
        let response = patient.send(request).await.map_err(|error| patient.failed(error))?;
        page = par::parse(&response, client, metadata).map_err(|error| explained(error.into()))?;
    }
    visit.expect_state(pending.state().expose());
    let callback = visit.navigate(page).await.map_err(|error| explained(error.into()))?;
    let code = Callback::parse(&callback)
        .and_then(|callback| callback.finish(&pending, metadata, Patient::now()))
        .map_err(|error| explained(error.into()))?;
    let response = patient
        .send(token::code_request(client, metadata, &code, &pending))
        .await
        .map_err(|error| patient.failed(error))?;
    let tokens = match token::parse(&response, TokenType::Bearer) {
        Ok(tokens) => tokens,
        Err(error) => {
            findings.fail(
                "login",
                format!("the code was not exchanged: {}", words(&response, error.code())),
                "check that the application is a native one (a public client, without a secret) with the authorization \
                 code grant",
            );
            return Ok(None);
        }
    };
    findings.ok("login", "the user signed in, and the code was exchanged");
    examine_identity(patient, metadata, &tokens, &pending, findings).await;
    let granted = tokens.scope.as_ref().unwrap_or(&patient.scope);
    let missing: Vec<&str> = patient.scope.iter().filter(|value| !granted.contains(value)).collect();
    if missing.is_empty() {
        findings.ok("scope", format!("granted as asked for: {granted}"));
    } else {
        findings.warn(
            "scope",
            format!("not granted: {}", missing.join(" ")),
            "allow these for the application and the API, or ask for less in `scope`",
        );
    }
    match tokens.lifetime {
        Some(lifetime) => findings.ok("lifetime", format!("access tokens are valid for {} s", lifetime.as_secs())),
        None => findings.note("lifetime", "the server does not say how long access tokens are valid", ""),
    }
    Ok(Some(tokens))
}

async fn examine_identity(
    patient: &Patient,
    metadata: &ProviderMetadata,
    tokens: &TokenResponse,
    pending: &authorize::PendingLogin,
    findings: &mut Findings,
) {
    const FIX: &str = "do not work around it: check `issuer` and `client_id`, then report it to the provider";
    let Some(raw) = &tokens.id_token else {
        return findings.fail("id_token", "none came with the login", "ask for `openid` in `scope`");
    };
    let keys = patient.send(jwk::request(&metadata.jwks_uri)).await;
    let Ok(Ok(keys)) = keys.map(|response| jwk::parse(&response)) else { return };
    let expected = id_token::Expectations {
        issuer: &patient.client.issuer,
        client_id: &patient.client.client_id,
        nonce: Some(pending.nonce()),
        access_token: Some(&tokens.access_token),
        max_age: None,
        organization: pending.organization(),
        algorithms: &metadata.id_token_signing_alg_values_supported,
        now: Patient::now(),
        leeway: Duration::from_secs(60),
    };
    match id_token::validate(raw, &keys, &expected) {
        Ok(_) => findings.ok("id_token", "passes every check"),
        Err(error) => findings.fail("id_token", format!("{error} ({})", error.code()), FIX),
    }
}

/// What a renewal came to.
enum Renewed {
    /// With the refresh token to use from then on, if it is another.
    Tokens(Option<RefreshToken>),
    Refused(String),
    Unknown(TransportError),
}

async fn renew(patient: &Patient, metadata: &ProviderMetadata, refresh_token: &RefreshToken) -> Renewed {
    let request = token::refresh_request(&patient.client, metadata, refresh_token, None, None, &[]);
    match patient.send(request).await {
        Ok(response) => renewed(&response),
        Err(error) => Renewed::Unknown(error),
    }
}

fn renewed(response: &Response) -> Renewed {
    match token::parse(response, TokenType::Bearer) {
        Ok(tokens) => Renewed::Tokens(tokens.refresh_token),
        Err(error @ (TokenError::Server(_) | TokenError::Malformed(_) | TokenError::NotSenderConstrained)) => {
            Renewed::Refused(words(response, error.code()))
        }
    }
}

/// Whether refresh tokens rotate, and how long a spent one is taken again. Returns the one that is good now.
async fn measure(
    patient: &Patient,
    metadata: &ProviderMetadata,
    first: RefreshToken,
    limit: u64,
    findings: &mut Findings,
) -> RefreshToken {
    let mut current = first;
    let mut accepted_after = None;
    for delay in DELAYS.into_iter().filter(|delay| *delay <= limit) {
        let spent = current.clone();
        current = match renew(patient, metadata, &spent).await {
            Renewed::Tokens(Some(next)) if next.expose() != spent.expose() => next,
            Renewed::Tokens(_) => {
                findings.ok("renewal", "the access token was renewed");
                findings.ok(
                    "rotation",
                    "refresh tokens do not rotate: the engine retries a lost response with the same token",
                );
                findings.ok("sign_out", "no lost answer signs a user out here");
                return spent;
            }
            Renewed::Refused(words) => {
                findings.fail(
                    "renewal",
                    format!("the refresh token of the login is refused: {words}"),
                    "enable the refresh token grant for the application; some providers refuse it to public clients",
                );
                return spent;
            }
            Renewed::Unknown(error) => {
                findings.note("renewal", format!("not measured: {error}"), "run it again");
                return spent;
            }
        };
        if accepted_after.is_none() {
            findings.ok("renewal", "the access token was renewed");
            findings.ok("rotation", "refresh tokens rotate: each renewal replaces the one that was used");
        }
        if delay > 0 {
            note(&format!("Waiting {delay} s, to use a spent refresh token again."));
            tokio::time::sleep(Duration::from_secs(delay)).await;
        }
        match renew(patient, metadata, &spent).await {
            Renewed::Tokens(next) => {
                accepted_after = Some(delay);
                current = next.unwrap_or(current);
            }
            Renewed::Refused(words) => {
                let survives = matches!(renew(patient, metadata, &current).await, Renewed::Tokens(_));
                tell(accepted_after, Some((delay, &words, survives)), findings);
                return current;
            }
            Renewed::Unknown(error) => {
                findings.note("reuse_interval", format!("not measured: {error}"), "run it again");
                return current;
            }
        }
    }
    tell(accepted_after, None, findings);
    current
}

/// Which row of the table of sign-outs this tenant lives in.
fn tell(accepted_after: Option<u64>, refused: Option<(u64, &str, bool)>, findings: &mut Findings) {
    const FIX: &str = "have the provider take a spent refresh token for 60 s or more (called reuse interval, rotation overlap, \
         leeway or grace period); or switch rotation off where tokens are bound to a key";
    let consequence = |survives| {
        if survives { "the session lives on for who has the newest token" } else { "and that ends the session" }
    };
    match (accepted_after, refused) {
        (None, Some((_, words, survives))) => {
            findings.warn(
                "reuse_interval",
                format!("none: a spent refresh token is refused at once ({words}), {}", consequence(survives)),
                FIX,
            );
            findings.warn(
                "sign_out",
                "\"Never forgiven\": each answer to a renewal that is lost on the way, or not saved, signs its user out",
                FIX,
            );
        }
        (Some(taken), Some((refused, _, survives))) => {
            let found = format!(
                "between {taken} and {refused} s: later a spent refresh token is refused, {}",
                consequence(survives)
            );
            if taken >= WANTED {
                findings.ok("reuse_interval", found);
                findings.ok("sign_out", "\"Forgiven for 60 s\": a lost answer is asked for again in time");
            } else {
                findings.warn("reuse_interval", found, FIX);
                findings.warn(
                    "sign_out",
                    format!("a user who is offline for more than {taken} s after a lost answer may be signed out"),
                    FIX,
                );
            }
        }
        (Some(taken), None) if taken >= WANTED => {
            findings.ok("reuse_interval", format!("{taken} s or more"));
            findings.ok("sign_out", "\"Forgiven for 60 s\": a lost answer is asked for again in time");
        }
        (taken, None) => findings.note(
            "reuse_interval",
            format!("{} s or more; it was not looked for any longer", taken.unwrap_or_default()),
            format!("run it with --reuse-limit {WANTED}"),
        ),
    }
}

/// Revokes what the examination got, and looks whether that ended it.
async fn end(patient: &Patient, metadata: &ProviderMetadata, token: &RefreshToken, findings: &mut Findings) {
    const CHECK: &str = "revoked";
    let Some(request) = revoke::request(&patient.client, metadata, token) else { return };
    let answer = patient.send(request).await;
    match answer.as_ref().map(revoke::parse) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            return findings.warn(
                CHECK,
                format!("the refresh token was not revoked: {error}"),
                "have the provider let a public client revoke its own tokens (RFC 7009 §2.1)",
            );
        }
        Err(error) => return findings.note(CHECK, format!("not known: {error}"), ""),
    }
    match renew(patient, metadata, token).await {
        Renewed::Refused(_) => findings.ok(CHECK, "a revoked refresh token is refused"),
        Renewed::Tokens(_) => findings.fail(
            CHECK,
            "a refresh token that was revoked still works: a logout ends nothing at the server",
            "the provider has to fix this",
        ),
        Renewed::Unknown(error) => findings.note(CHECK, format!("not known: {error}"), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn told(accepted_after: Option<u64>, refused: Option<(u64, &str, bool)>) -> (Level, String) {
        let mut findings = Findings::default();
        tell(accepted_after, refused, &mut findings);
        (findings.worst(), findings.lines().join("\n"))
    }

    #[test]
    fn reuse_interval_decides_which_row_of_the_table_a_tenant_lives_in() {
        let (level, lines) = told(None, Some((0, "invalid_grant (400)", false)));
        assert!(
            level == Level::Warn && lines.contains("Never forgiven") && lines.contains("ends the session"),
            "{lines}"
        );
        let (level, lines) = told(Some(2), Some((4, "invalid_grant (400)", true)));
        assert!(level == Level::Warn && lines.contains("between 2 and 4 s") && lines.contains("lives on"), "{lines}");
        let (level, lines) = told(Some(60), None);
        assert!(level == Level::Ok && lines.contains("Forgiven for 60 s"), "{lines}");
        let (level, lines) = told(Some(8), None);
        assert!(level == Level::Note && lines.contains("--reuse-limit"), "{lines}");
    }
}
