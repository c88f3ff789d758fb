//! Step 6: the access token expires, for real, and the app does by hand what the core does by itself in step 7.

use std::time::Duration;

use super::super::stage::Stage;

const TOKEN_EXPIRATION: u64 = 10;
/// What the exercise's API says; the header's name is its own spelling.
const CHALLENGE: &str = r#"Bearer realm="api", error="invalid_token", error_description="invalid token""#;

pub(super) async fn play(stage: &mut Stage) {
    stage.note("Token Expiration is set to 10 seconds:");
    stage.tenant.set(|settings| settings.token_expiration_seconds = TOKEN_EXPIRATION);
    let outcome = stage.app.log_in(None).await;
    if stage.succeeds("the user signs in", outcome).is_none() {
        return;
    }
    let over = until_expired(stage.tenant.now().milliseconds());
    let expires = tokio::time::Instant::now() + over;

    let mark = stage.mark();
    call_api(stage, "Call API at once: 200 and the expenses", 200).await;
    stage.sees("that was one request", mark, "API GET / 200");

    let left = expires.saturating_duration_since(tokio::time::Instant::now());
    stage.wait(left, "the access token expires").await;

    let mark = stage.mark();
    let challenge = call_api(stage, "Call API: 401", 401).await;
    stage.equals("with the exercise's header", CHALLENGE, challenge.unwrap_or_else(|| "absent".to_owned()));
    let outcome = stage.app.refresh_token().await;
    stage.succeeds("Refresh Token renews the access token", outcome);
    call_api(stage, "Call API: 200 again", 200).await;
    stage.sees("those were three requests", mark, "API GET / 401, POST /oauth/token 200, API GET / 200");
}

/// How long a token issued at `now`, in milliseconds since the epoch, may still be accepted: its `exp` is in whole
/// seconds, rounded up.
fn until_expired(now: i64) -> Duration {
    let rest_of_second = 1000 - u64::try_from(now.rem_euclid(1000)).unwrap_or_default();
    Duration::from_millis(TOKEN_EXPIRATION * 1000 + rest_of_second)
}

/// Presses *Call API*, checks the status, and returns the challenge.
async fn call_api(stage: &mut Stage, claim: &str, expected: u16) -> Option<String> {
    let outcome = stage.app.call_api().await;
    let outcome = outcome
        .map_or_else(|| Err("there is no access token".to_owned()), |sent| sent.map_err(|error| error.to_string()));
    let response = stage.succeeds(claim, outcome)?;
    stage.equals(claim, expected, response.status);
    let header = stage.tenant.settings().challenge_header;
    let name = serde_json::to_value(header).ok()?;
    response.headers.get(name.as_str()?).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_lasts_to_the_end_of_the_second_in_which_the_token_expires() {
        assert_eq!(until_expired(5_250), Duration::from_millis(10_750));
        assert_eq!(until_expired(5_000), Duration::from_millis(11_000));
        assert_eq!(until_expired(5_999), Duration::from_millis(10_001));
    }
}
