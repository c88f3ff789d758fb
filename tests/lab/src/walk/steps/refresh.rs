//! Steps 2 and 5: *Refresh Token* sends exactly one request, or none where there is no refresh token (RFC 6749 §6).

use hallpass_core::{Error, LoginReason};

use super::super::recorder::TokenExchange;
use super::super::stage::{Mark, Stage};

/// Step 2.
pub(super) async fn before_login(stage: &mut Stage) {
    let mark = stage.mark();
    let outcome = stage.app.refresh_token().await;
    stage.holds(
        "Refresh Token says \"No Refresh Token found\"",
        matches!(outcome, Err(Error::LoginRequired { reason: LoginReason::NotSignedIn })),
        format!("{outcome:?}"),
    );
    stage.sees("nothing was sent", mark, "nothing");
}

/// Step 5.
pub(super) async fn play(stage: &mut Stage) {
    let login = stage.app.recorder.last_token_exchange();
    let Some(login) = stage.succeeds("the login brought tokens", login.ok_or("there was no login")) else { return };
    let text = |exchange: &TokenExchange, member| exchange.text(member).unwrap_or_default().to_owned();
    let first = text(&login, "refresh_token");

    stage.note("Without rotation:");
    let Some(renewed) = refresh(stage, "Refresh Token sends exactly one request").await else { return };
    let client_id = stage.tenant.client_id();
    let body = format!(r#"{{"grant_type":"refresh_token","client_id":"{client_id}","refresh_token":"{first}"}}"#);
    let shape = r#"{"grant_type":"refresh_token","client_id":"…","refresh_token":"…"}"#;
    stage.holds(&format!("its body is, byte for byte, {shape}"), renewed.request == body, "another body");
    let members = "access_token expires_in id_token scope token_type";
    stage.equals("the answer has no refresh token, and everything else", members, renewed.members().join(" "));
    stage.holds(
        "the access token and the ID token are new",
        text(&renewed, "access_token") != text(&login, "access_token")
            && text(&renewed, "id_token") != text(&login, "id_token"),
        "the ones of the login",
    );
    if let Some(again) = refresh(stage, "Refresh Token again: one request").await {
        stage.holds(
            "the first refresh token was retained and goes on working",
            again.request == body,
            "another refresh token",
        );
    }

    stage.note("With rotation:");
    stage.tenant.set(|settings| settings.refresh_token_rotation = true);
    if let Some(rotated) = refresh(stage, "Refresh Token: one request").await {
        let next = text(&rotated, "refresh_token");
        stage.holds(
            "the answer has a new refresh token",
            !next.is_empty() && next != first,
            rotated.members().join(" "),
        );
        if let Some(again) = refresh(stage, "Refresh Token again: one request").await {
            let sent = !next.is_empty() && again.request.contains(&next);
            stage.holds("the new refresh token has replaced the first", sent, "another refresh token");
        }
    }
    stage.tenant.set(|settings| settings.refresh_token_rotation = false);
}

/// Presses *Refresh Token*, and returns the request and its answer when there was exactly one.
async fn refresh(stage: &mut Stage, claim: &str) -> Option<TokenExchange> {
    let mark: Mark = stage.mark();
    let outcome = stage.app.refresh_token().await;
    stage.succeeds(claim, outcome)?;
    stage.sees(claim, mark, "POST /oauth/token 200");
    stage.app.recorder.last_token_exchange()
}
