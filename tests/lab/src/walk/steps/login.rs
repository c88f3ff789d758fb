//! Step 4: the code flow with PKCE (RFC 6749 §4.1, RFC 7636) in the system browser, page by page.

use hallpass_core::protocol::authorize::Prompt;
use hallpass_tenant::{Endpoint, LoggedRequest};
use serde_json::Value;

use super::super::SCOPE;
use super::super::stage::{Stage, listed};

pub(super) async fn play(stage: &mut Stage) {
    let mark = stage.mark();
    // The browser is still signed in from before; here the password is to be typed.
    let outcome = stage.app.log_in(Some(Prompt::Login)).await;
    let Some(user) = stage.succeeds("the user signs in", outcome) else { return };
    let seen = stage.since(mark);
    let of =
        |endpoint| seen.iter().filter(|request| request.endpoint == endpoint).cloned().collect::<Vec<LoggedRequest>>();

    let authorization = of(Endpoint::Authorization);
    let parameter = |name: &str| {
        authorization
            .first()
            .and_then(|request| request.parameters.get(name))
            .cloned()
            .unwrap_or_else(|| "absent".to_owned())
    };
    stage.equals("the browser was asked for this scope", SCOPE, parameter("scope"));
    stage.equals("with PKCE", "S256", parameter("code_challenge_method"));
    stage.holds(
        "with state and nonce",
        parameter("state") != "absent" && parameter("nonce") != "absent",
        listed(&seen),
    );
    let submitted: Vec<LoggedRequest> =
        of(Endpoint::Login).into_iter().filter(|request| request.method == "POST").collect();
    stage.holds(
        "the user name and password went to the login page, and not through the app",
        !submitted.is_empty() && of(Endpoint::Token).iter().all(|request| !request.parameters.contains_key("password")),
        listed(&seen),
    );

    let tokens = of(Endpoint::Token);
    stage.equals("one request exchanged the code", "POST /oauth/token 200", listed(&tokens));
    let verifier = tokens.first().is_some_and(|request| request.parameters.contains_key("code_verifier"));
    stage.holds("and proved with the code_verifier who had asked for it", verifier, listed(&tokens));

    if let Some(exchange) = stage.app.recorder.last_token_exchange() {
        let members = ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"];
        stage.equals("the answer has all of the exercise's members", members.join(" "), exchange.members().join(" "));
        stage.equals("token_type", "Bearer", exchange.text("token_type").unwrap_or("absent"));
        let lifetime = exchange.answer.get("expires_in").map_or_else(|| "absent".to_owned(), Value::to_string);
        stage.equals("expires_in", stage.tenant.settings().token_expiration_seconds, lifetime);
    }
    stage.equals("the ID token says who it is", "Ada Lovelace", user.claims().profile().name().unwrap_or("nobody"));
}
