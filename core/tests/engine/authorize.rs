//! Requests of the app's own HTTP client: what `authorize` and `after` decide, which is what `call` does (rules 8 and 15);
//! renewals for one audience; ID tokens for others.

use base64ct::{Base64UrlUnpadded, Encoding};
use hallpass_core::protocol::challenge::StepUp;
use hallpass_core::protocol::http::{Headers, Method};
use hallpass_core::{ApiRequest, Authorization, CredentialsRequest, Error, Login, LoginReason, MinTtl, OfflineCause};
use serde_json::{Value, json};

use crate::support::server::{API, Fault, OddIdToken, Reply};
use crate::support::{Device, audience, denied, live, login_required, still_works, within};

const REPORTS: &str = "https://reports.example";

async fn authorize(device: &Device, wanted: CredentialsRequest) -> Authorization {
    within(device.session().authorize(Method::Get, API, wanted)).await.unwrap()
}

/// What follows from a 401 of the API.
async fn after_401(device: &Device, authorization: &Authorization) -> hallpass_core::Result<Option<Authorization>> {
    within(device.session().after(authorization, 401, &Headers::new())).await
}

fn token(authorization: &Authorization) -> &str {
    authorization.headers().get("authorization").unwrap()
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_refused_token_is_replaced_once_and_the_answer_to_the_new_one_is_the_apps() {
    let device = Device::signed_in().await;
    let first = authorize(&device, CredentialsRequest::new()).await;
    assert_eq!(first.headers().iter().map(|(name, _)| name).collect::<Vec<_>>(), ["Authorization"]);
    let none = Headers::new();
    for status in [200, 204, 302, 400, 403, 404, 500, 503] {
        assert!(within(device.session().after(&first, status, &none)).await.unwrap().is_none(), "{status}");
    }
    assert_eq!((device.server.count("token"), first.renewals()), (0, 0));
    let second = after_401(&device, &first).await.unwrap().expect("worth a repeat");
    assert_ne!(token(&second), token(&first));
    assert_eq!((device.server.count("token"), second.renewals()), (1, 1));
    assert!(after_401(&device, &second).await.unwrap().is_none(), "once");
    assert_eq!(device.server.count("token"), 1);
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_token_that_somebody_else_replaced_is_not_renewed_again() {
    let device = Device::signed_in().await;
    let requests =
        [authorize(&device, CredentialsRequest::new()).await, authorize(&device, CredentialsRequest::new()).await];
    let mut tokens = Vec::new();
    for request in &requests {
        tokens.push(token(&after_401(&device, request).await.unwrap().unwrap()).to_owned());
    }
    assert_eq!(tokens[0], tokens[1], "the refused token is what is replaced, and not the one that took its place");
    assert_eq!(device.server.count("token"), 1);
    // An extension of the app has done it.
    let stale = authorize(&device, CredentialsRequest::new()).await;
    let extension = device.extension();
    within(extension.session().renew()).await.unwrap();
    let theirs = extension.access_token().await.unwrap();
    let again = after_401(&device, &stale).await.unwrap().unwrap();
    assert_eq!(token(&again), format!("Bearer {theirs}"));
    assert_eq!(device.server.count("token"), 2, "the extension's alone");
}

#[tokio::test(start_paused = true)]
async fn rule_8_the_token_of_the_audience_is_replaced_and_no_other() {
    let device = Device::signed_in().await;
    let of_login = device.access_token().await.unwrap();
    let first = authorize(&device, audience(REPORTS)).await;
    assert_eq!(device.server.count("token"), 1);
    let second = after_401(&device, &first).await.unwrap().unwrap();
    assert_eq!(device.server.count("token"), 2);
    assert_eq!(device.server.seen("token")[1].parameters["audience"], REPORTS);
    let latest = device.ask(audience(REPORTS)).await.unwrap();
    assert_eq!(token(&second), format!("Bearer {}", latest.access_token().expose()));
    assert_eq!(device.access_token().await.unwrap(), of_login, "nobody refused this one");
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_8_an_api_that_refuses_every_token_costs_one_renewal_in_thirty_seconds() {
    let device = Device::signed_in().await;
    for call in 0..4 {
        let mut authorization = authorize(&device, CredentialsRequest::new()).await;
        while let Some(again) = after_401(&device, &authorization).await.unwrap() {
            authorization = again;
        }
        assert_eq!(device.server.count("token"), 1, "call {call}");
    }
    live(31).await;
    assert!(after_401(&device, &authorize(&device, CredentialsRequest::new()).await).await.unwrap().is_some());
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_renewal_that_fails_is_its_own_error_and_without_a_refresh_token_the_401_is_the_answer() {
    let device = Device::signed_in().await;
    let first = authorize(&device, CredentialsRequest::new()).await;
    device.server.fail([Fault::Unreachable]);
    let error = after_401(&device, &first).await.unwrap_err();
    assert_eq!(error, Error::Offline { cause: OfflineCause::Unreachable, retry_after: None });
    device.server.work_again();
    still_works(&device).await;

    let device = Device::signed_in_without_refresh_token().await;
    let first = authorize(&device, CredentialsRequest::new()).await;
    assert!(after_401(&device, &first).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_request_of_a_user_who_logged_out_gets_no_token_of_the_next_one() {
    let device = Device::signed_in().await;
    let first = authorize(&device, CredentialsRequest::new()).await;
    device.logout().await.unwrap();
    assert_eq!(after_401(&device, &first).await.unwrap_err(), login_required(LoginReason::LoggedOut));
    device.log_in("grace").await.unwrap();
    assert_eq!(after_401(&device, &first).await.unwrap_err(), login_required(LoginReason::LoggedOut));
}

#[tokio::test(start_paused = true)]
async fn step_up_is_an_error_of_its_own_that_login_takes_as_it_is() {
    let challenge = r#"Bearer error="insufficient_user_authentication", acr_values="phr gold", max_age="300""#;
    let wanted = StepUp { acr_values: Some("phr gold".to_owned()), max_age: Some(300) };
    let device = Device::signed_in().await;
    device.server.always("api", Fault::Says(Reply::json(401, "{}").header("WWW-Authenticate", challenge)));
    let error = device.call().await.unwrap_err();
    assert_eq!(error, Error::StepUpRequired { step_up: wanted.clone() });
    let first = authorize(&device, CredentialsRequest::new()).await;
    let headers = Headers::from_iter([("www-authenticate", challenge)]);
    assert_eq!(within(device.session().after(&first, 401, &headers)).await.unwrap_err(), error);
    assert!(within(device.session().after(&first, 200, &headers)).await.unwrap().is_none(), "no refusal at all");
    assert_eq!((device.server.count("token"), device.user().as_deref()), (0, Some("ada")), "the session goes on");
    device.server.work_again();

    let page = within(device.session().start_login(Login::from(wanted))).await.unwrap().url;
    let asked: Vec<(String, String)> = page.query_pairs().into_owned().collect();
    for (name, value) in [("acr_values", "phr gold"), ("max_age", "300")] {
        assert!(asked.contains(&(name.to_owned(), value.to_owned())), "{page}");
    }
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn renew_for_renews_the_token_of_that_audience_alone() {
    let device = Device::signed_in().await;
    let of_login = device.access_token().await.unwrap();
    let first = device.ask(audience(REPORTS)).await.unwrap();
    let second = within(device.session().renew_for(audience(REPORTS))).await.unwrap();
    assert!(second.renewed());
    assert_ne!(second.access_token().expose(), first.access_token().expose());
    let latest = device.ask(audience(REPORTS)).await.unwrap();
    assert_eq!(latest.access_token().expose(), second.access_token().expose());
    assert_eq!(device.access_token().await.unwrap(), of_login);
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_keeps_the_servers_own_words_out_of_its_text_and_gives_them_to_who_asks() {
    let device = Device::signed_in().await;
    device.expire();
    let body = r#"{"error":"unknown_to_all","error_description":"ask ada@example.com"}"#;
    device.server.always("token", Fault::Says(Reply::json(400, body)));
    let error = device.access_token().await.unwrap_err();
    let Error::Denied { words, .. } = &error else { panic!("{error:?}") };
    assert_eq!((words.code(), words.description()), (Some("unknown_to_all"), Some("ask ada@example.com")));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("unknown_to_all") && !shown.contains("example.com"), "{shown}");
    assert!(denied(&error).is_some());
}

fn expiry(raw: &str) -> i64 {
    let bytes = Base64UrlUnpadded::decode_vec(raw.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap()["exp"].as_i64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_id_token_that_lasts_is_given_out_and_one_that_does_not_is_renewed() {
    let device = Device::signed_in().await;
    let first = within(device.session().id_token(MinTtl::seconds(60))).await.unwrap();
    assert_eq!(first.expires_at().unix_seconds(), expiry(first.raw().expose()));
    assert!(!format!("{first:?}").contains(first.raw().expose()));
    device.pass(3_000);
    let same = within(device.session().id_token(MinTtl::seconds(60))).await.unwrap();
    assert_eq!((same.raw().expose(), device.server.count("token")), (first.raw().expose(), 0));
    let second = within(device.session().id_token(MinTtl::seconds(700))).await.unwrap();
    assert_ne!(second.raw().expose(), first.raw().expose());
    assert_eq!(device.server.count("token"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_id_token_is_never_given_out_and_some_time_left_is_better_than_an_error() {
    let device = Device::signed_in().await;
    device.server.always("token", Fault::Unreachable);
    device.pass(3_500);
    let left = within(device.session().id_token(MinTtl::seconds(600))).await.unwrap();
    assert!(left.raw().expose().contains('.'));
    device.pass(200);
    let error = within(device.session().id_token(MinTtl::seconds(0))).await.unwrap_err();
    assert_eq!(error.kind(), "Offline", "{error:?}");
    device.server.work_again();
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_sends_no_id_token_with_a_renewal_is_asked_once_and_the_error_says_what_to_do() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.token_response = json!({ "id_token": null }));
    device.pass(3_700);
    for _ in 0..3 {
        let error = within(device.session().id_token(MinTtl::seconds(0))).await.unwrap_err();
        assert!(matches!(error, Error::Misconfigured { field: "id_token", .. }), "{error:?}");
        assert_eq!(device.server.count("token"), 1);
    }
    // Any other renewal may bring one.
    device.server.change(|server| server.token_response = json!({}));
    device.renew().await.unwrap();
    within(device.session().id_token(MinTtl::seconds(0))).await.unwrap();
    assert_eq!(device.server.count("token"), 2);
}

#[tokio::test(start_paused = true)]
async fn an_id_token_that_fails_its_checks_is_not_given_out() {
    let device = Device::signed_in().await;
    device.server.change(|server| server.renewed_id_token = OddIdToken::SignedByAnother);
    device.pass(3_700);
    let error = within(device.session().id_token(MinTtl::seconds(0))).await.unwrap_err();
    assert!(matches!(error, Error::Misconfigured { field: "id_token", .. }), "{error:?}");
    assert_eq!(device.user().as_deref(), Some("ada"), "and nobody is signed out for it");
    still_works(&device).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_signed_in_has_no_id_token() {
    let device = Device::new();
    let error = within(device.session().id_token(MinTtl::seconds(0))).await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::NotSignedIn));
    let error = within(device.session().call(ApiRequest::get(API))).await.unwrap_err();
    assert_eq!(error, login_required(LoginReason::NotSignedIn));
}
