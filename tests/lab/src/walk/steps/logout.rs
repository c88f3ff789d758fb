//! Logout: erased here first, then revoked at the server (RFC 7009), then ended in the browser.

use hallpass_core::{Error, MinTtl};
use hallpass_tenant::Endpoint;

use super::super::stage::{Stage, listed};

pub(super) async fn play(stage: &mut Stage) {
    let mark = stage.mark();
    // Auth0's logout page says nothing to the one who waits for the browser on a port, so by hand it is left out.
    let in_the_browser = !stage.by_hand;
    let outcome = stage.app.log_out(in_the_browser).await;
    let Some(logged_out) = stage.succeeds("the session is erased", outcome) else { return };
    stage.equals("there was a session, and it was erased", true, logged_out.erased);
    stage.equals("the server confirmed that it revoked the refresh token", true, logged_out.revoked);
    if in_the_browser {
        stage.equals("the browser's session at the server was ended", true, logged_out.session_ended);
    }
    let seen = stage.since(mark);
    let revoked: Vec<_> = seen.iter().filter(|request| request.endpoint == Endpoint::Revocation).cloned().collect();
    stage.equals("one request revoked it", "POST /oauth/revoke 200", listed(&revoked));

    let mark = stage.mark();
    let credentials = stage.app.session.credentials(MinTtl::default()).await;
    let gone = matches!(credentials, Err(Error::LoginRequired { .. }));
    stage.holds("no access token is given out any more", gone, format!("{credentials:?}"));
    let outcome = stage.app.refresh_token().await;
    let gone = matches!(outcome, Err(Error::LoginRequired { .. }));
    stage.holds("Refresh Token says \"No Refresh Token found\"", gone, format!("{outcome:?}"));
    stage.sees("nothing was sent for either", mark, "nothing");
}
