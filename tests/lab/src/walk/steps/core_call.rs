//! Step 7: `Session::call` renews before the request when the device knows that the token is over, and after a 401 when
//! only the API knows it. Either way the user sees the expenses.

use std::time::Duration;

use hallpass_core::MinTtl;

use super::super::stage::Stage;

/// Longer than the 10 seconds that tokens last by now.
const LONG_AFTER: u32 = 12;

pub(super) async fn play(stage: &mut Stage) {
    stage.note("12 seconds pass, on the device's clock and on the server's (step 6 waited for real):");
    stage.tenant.advance(Duration::from_secs(LONG_AFTER.into()));
    stage.device_clock.advance(LONG_AFTER.into());
    let mark = stage.mark();
    call(stage).await;
    stage.sees("the device knew: renewed first, then called once", mark, "POST /oauth/token 200, API GET / 200");

    stage.note("The API refuses the access token, although it is valid on the device:");
    stage.tenant.expire_access_tokens();
    let valid = stage.app.session.credentials(MinTtl::seconds(0)).await;
    let unrenewed = valid.as_ref().is_ok_and(|credentials| !credentials.renewed());
    stage.holds("the access token is valid on the device", unrenewed, format!("{valid:?}"));
    let mark = stage.mark();
    call(stage).await;
    let expected = "API GET / 401, POST /oauth/token 200, API GET / 200";
    stage.sees("called, renewed once, and repeated once", mark, expected);
}

async fn call(stage: &mut Stage) {
    const CLAIM: &str = "Call API: the user sees 200 and the expenses";
    let outcome = stage.app.call_api_with_the_core().await;
    if let Some(reply) = stage.succeeds(CLAIM, outcome) {
        stage.equals(CLAIM, 200, reply.status);
        stage.equals("it took one renewal", 1, reply.renewals);
    }
}
