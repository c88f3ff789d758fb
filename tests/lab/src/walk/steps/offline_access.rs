//! Step 3: whether a refresh token is issued is the API's switch *Allow Offline Access*, not the app's wish alone.

use hallpass_core::{Error, LoginReason};

use super::super::stage::Stage;

pub(super) async fn play(stage: &mut Stage) {
    stage.note("Allow Offline Access is off:");
    stage.tenant.set(|settings| settings.allow_offline_access = false);
    if log_in(stage).await.is_some() {
        stage.equals(
            "the answer has no refresh token, although offline_access was asked for",
            false,
            brought_refresh_token(stage),
        );
        let mark = stage.mark();
        let outcome = stage.app.refresh_token().await;
        stage.holds(
            "Refresh Token says \"No Refresh Token found\"",
            matches!(outcome, Err(Error::LoginRequired { reason: LoginReason::NoRefreshToken })),
            format!("{outcome:?}"),
        );
        stage.sees("nothing was sent for it", mark, "nothing");
    }

    stage.note("Allow Offline Access is on:");
    stage.tenant.set(|settings| settings.allow_offline_access = true);
    if log_in(stage).await.is_some() {
        stage.equals("the answer has a refresh token", true, brought_refresh_token(stage));
    }
}

async fn log_in(stage: &mut Stage) -> Option<()> {
    let outcome = stage.app.log_in(None).await;
    stage.succeeds("the user signs in", outcome).map(drop)
}

fn brought_refresh_token(stage: &Stage) -> bool {
    stage.app.recorder.last_token_exchange().is_some_and(|exchange| exchange.text("refresh_token").is_some())
}
