//! The commands for real tenants, from login to logout, against a tenant that is as real as one on loopback can be.

use hallpass_tenant::{Endpoint, Fault, FaultKind, Tenant, TenantOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::support::{self, Ended, PATIENCE, REDIRECT_URI, count, lab, sign_in, tenant, visit};

/// A folder with a property file for `tenant`, and a store in it.
fn folder(tenant: &Tenant, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "issuer = \"{}\"\nclient_id = \"{}\"\naudience = \"{}\"\nscope = \"openid profile read:reports offline_access\"\n\
         store = \"file:{}\"\ndanger_allow_loopback_http = true\n{more}",
        tenant.issuer(),
        tenant.client_id(),
        tenant.audience(),
        folder.path().join("store").display(),
    );
    std::fs::write(folder.path().join("hallpass.toml"), text).unwrap();
    folder
}

async fn run(folder: &TempDir, arguments: &[&str]) -> Ended {
    let mut command = lab(arguments);
    command.current_dir(folder.path());
    Ended::of(command).await
}

/// Starts a login and returns it with the address that it prints.
async fn start(folder: &TempDir, arguments: &[&str]) -> (Child, String) {
    let mut command = lab(arguments);
    command.current_dir(folder.path()).stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("http://") {
                return line;
            }
        }
        panic!("it printed no address; it ended with {:?}", child.wait().await)
    };
    let address = timeout(PATIENCE, address).await.expect("in time");
    // Whoever writes on must find a reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, address)
}

async fn log_in(folder: &TempDir) -> Ended {
    let (child, address) = start(folder, &["login", "--no-open"]).await;
    let page = visit(&address).await;
    assert!(page.text().contains("return to the app") || page.status == 200, "{}", page.text());
    Ended::of_child(child).await
}

#[tokio::test]
async fn story_from_login_to_logout_is_told_by_its_commands() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    let ended = run(&folder, &["status"]).await;
    assert_eq!(ended.code, 3);
    assert!(
        ended.stdout.contains("Not signed in at") && ended.stdout.contains("no one is signed in"),
        "{}",
        ended.stdout
    );

    let ended = log_in(&folder).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stdout.starts_with("Signed in as Ada Lovelace; the access token is valid for another "),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("; it can be renewed.\n  granted: "), "{}", ended.stdout);

    tenant.clear_requests();
    let ended = run(&folder, &["status"]).await;
    assert_eq!(ended.code, 0);
    for words in ["Ada Lovelace", "(account default)", "59 min", "it can be renewed", "read:reports"] {
        assert!(ended.stdout.contains(words), "{}", ended.stdout);
    }
    assert!(tenant.requests().is_empty(), "{:?}", tenant.requests());

    let ended = run(&folder, &["call", "-i", &tenant.api_url()]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stdout.starts_with("HTTP 200\n") && ended.stdout.contains("content-type: application/json"),
        "{}",
        ended.stdout
    );

    let ended = run(&folder, &["renew", "--json"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["expires_at"].is_i64());

    let ended = run(&folder, &["token"]).await;
    assert_eq!(ended.stdout.trim().split('.').count(), 3, "{}", ended.stdout);
    assert_eq!(count(&tenant, Endpoint::Token), 1);

    assert_eq!(run(&folder, &["accounts"]).await.stdout, "* default  Ada Lovelace (signed in)\n");
    let ended = run(&folder, &["logout"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "Signed out; the server has revoked the refresh token.\n"));
    let ended = run(&folder, &["call", &tenant.api_url()]).await;
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("next: run `lab login`"), "{}", ended.stderr);
    assert_eq!(run(&folder, &["logout"]).await.stdout, "Nobody was signed in.\n");
}

#[tokio::test]
async fn token_that_the_api_refuses_is_renewed_and_the_call_repeated() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    tenant.expire_access_tokens();
    tenant.clear_requests();
    let ended = run(&folder, &["call", "--fail", &tenant.api_url()]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((count(&tenant, Endpoint::Api), count(&tenant, Endpoint::Token)), (2, 1));
}

#[tokio::test]
async fn status_of_an_expired_session_says_so_and_leaves_it_as_it_was() {
    let tenant = tenant().await;
    tenant.set(|settings| settings.token_expiration_seconds = 1);
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    tenant.clear_requests();
    let before = contents(&folder);
    let ended = run(&folder, &["status", "--json"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&status["access_token_valid"], &status["renewable"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(contents(&folder), before);
    assert!(tenant.requests().is_empty());
}

/// What the store holds, by file.
fn contents(folder: &TempDir) -> std::collections::BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder.path().join("store")).unwrap().map(|file| file.unwrap());
    files
        .filter(|file| !file.file_name().to_string_lossy().starts_with('.'))
        .map(|file| (file.file_name().to_string_lossy().into_owned(), std::fs::read(file.path()).unwrap()))
        .collect()
}

#[tokio::test]
async fn session_without_a_refresh_token_is_told_what_to_do() {
    let tenant = tenant().await;
    tenant.set(|settings| settings.allow_offline_access = false);
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    let ended = run(&folder, &["status"]).await;
    assert!(ended.stdout.contains("there is no refresh token"), "{}", ended.stdout);
    let ended = run(&folder, &["renew"]).await;
    assert_eq!(ended.code, 3);
    assert!(
        ended.stderr.contains("no refresh token found") && ended.stderr.contains("offline_access"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn session_that_has_expired_without_a_refresh_token_asks_for_a_login_and_names_the_user() {
    let tenant = tenant().await;
    tenant.set(|settings| {
        settings.allow_offline_access = false;
        settings.token_expiration_seconds = 1;
    });
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let before = contents(&folder);
    let ended = run(&folder, &["status"]).await;
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    for words in ["Ada Lovelace has to sign in again", "no refresh token found", "the access token has expired"] {
        assert!(ended.stdout.contains(words), "{}", ended.stdout);
    }
    let ended = run(&folder, &["status", "--json"]).await;
    assert_eq!(ended.code, 3);
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&status["state"], &status["reason"]), (&"login_required".into(), &"no_refresh_token".into()));
    assert_eq!((&status["name"], &status["renewable"]), (&"Ada Lovelace".into(), &Value::Bool(false)));
    assert_eq!(contents(&folder), before, "the record is kept");
}

#[tokio::test]
async fn call_sends_method_fields_and_body_and_fails_when_asked_to() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    let url = format!("{}nothing/here", tenant.api_url());
    let ended = run(&folder, &["call", "-d", "a=1", "-H", "X-Test: 1", &url]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let request = tenant.requests().into_iter().rfind(|request| request.endpoint == Endpoint::Api).unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/nothing/here"));
    assert_eq!(request.body, Some(hallpass_tenant::BodyFormat::Form));
    assert_eq!(run(&folder, &["call", "--fail", "-X", "put", &url]).await.code, 22);
    let ended = run(&folder, &["call", "-X", "BREW", &url]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("GET, POST, PUT"), "{}", ended.stderr);
}

#[tokio::test]
async fn token_goes_to_no_other_origin_than_the_configured_ones() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "api_origins = [\"https://api.example.com\"]\n");
    log_in(&folder).await;
    let ended = run(&folder, &["call", &tenant.api_url()]).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("hallpass.toml:7: `api_origins`"), "{}", ended.stderr);
    assert_eq!(count(&tenant, Endpoint::Api), 0);
}

#[tokio::test]
async fn accounts_are_kept_apart() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    assert_eq!(run(&folder, &["status", "--account", "work"]).await.code, 3);
    let ended = run(&folder, &["accounts", "--json"]).await;
    let listed: Value = serde_json::from_str(&ended.stdout).unwrap();
    let accounts = listed["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 1, "{listed}");
    assert_eq!((&accounts[0]["account"], &accounts[0]["state"]), (&"default".into(), &"signed_in".into()));
    assert_eq!((&accounts[0]["name"], &accounts[0]["current"]), (&"Ada Lovelace".into(), &true.into()));

    let ended = run(&folder, &["switch", "work"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = run(&folder, &["status"]).await;
    assert!(ended.code == 3 && ended.stdout.contains("(account work)"), "{}", ended.stdout);
    assert_eq!(run(&folder, &["accounts"]).await.stdout, "  default  Ada Lovelace (signed in)\n");
    assert_eq!(run(&folder, &["switch", "default"]).await.code, 0);
    assert_eq!(run(&folder, &["status"]).await.code, 0);
}

#[tokio::test]
async fn callback_that_is_pasted_finishes_the_login() {
    let tenant = tenant().await;
    let folder = folder(&tenant, &format!("redirect_uri = \"{REDIRECT_URI}\"\n"));
    let (mut child, address) = start(&folder, &["login", "--paste", "--json"]).await;
    let callback = sign_in(&address).await;
    child.stdin.take().unwrap().write_all(format!("{callback}\n").as_bytes()).await.unwrap();
    let ended = Ended::of_child(child).await;
    assert_eq!(ended.code, 0);
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["name"], "Ada Lovelace");
}

#[tokio::test]
async fn settings_that_are_saved_serve_the_next_command() {
    let tenant = tenant().await;
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file:{}", folder.path().join("store").display());
    let (issuer, client_id) = (tenant.issuer(), tenant.client_id());
    let mut arguments = vec!["login", "--no-open", "--save", "--issuer", &issuer, "--client-id", &client_id];
    arguments.extend(["--store", &store, "--danger-allow-loopback-http"]);
    let (child, address) = start(&folder, &arguments).await;
    visit(&address).await;
    assert_eq!(Ended::of_child(child).await.code, 0);
    let ended = run(&folder, &["status"]).await;
    assert!(ended.stdout.contains("Ada Lovelace"), "{} {}", ended.stdout, ended.stderr);
    let ended = run(&folder, &arguments).await;
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("there is a hallpass.toml"), "{}", ended.stderr);
}

#[tokio::test]
async fn nothing_pasted_cancels_the_login() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    let (mut child, _) = start(&folder, &["login", "--paste"]).await;
    drop(child.stdin.take());
    assert_eq!(Ended::of_child(child).await.code, 8);
    assert_eq!(count(&tenant, Endpoint::Token), 0);
}

#[tokio::test]
async fn login_that_the_user_cancels_on_the_page_is_refused() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    let (child, address) = start(&folder, &["login", "--no-open"]).await;
    support::press_cancel(&address).await;
    assert_eq!(Ended::of_child(child).await.code, 5);
}

#[tokio::test]
async fn login_bound_to_a_key_stays_so_for_the_commands_after_it() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "dpop = true\n");
    let ended = log_in(&folder).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = run(&folder, &["call", &tenant.api_url(), "--fail"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = run(&folder, &["renew"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let requests = tenant.requests();
    let sent = |endpoint| requests.iter().filter(move |request| request.endpoint == endpoint);
    assert!(sent(Endpoint::Token).chain(sent(Endpoint::Api)).all(|request| request.headers.contains_key("dpop")));
    assert!(sent(Endpoint::Api).all(|request| request.headers["authorization"].starts_with("DPoP #")));
    let ended = run(&folder, &["logout"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// What a terminal would obey: a title, a clipboard, colours, C1's own introducer, a turned direction.
const HOSTILE: &str = "Ada\u{1b}]0;owned\u{7}\u{1b}[31m\u{9b}2J\u{202e}gnp.exe\u{2066}";

#[tokio::test]
async fn name_that_a_server_made_up_reaches_no_terminal_as_it_came() {
    let mut options = TenantOptions::default();
    options.users.iter_mut().for_each(|user| user.name = HOSTILE.to_owned());
    let tenant = Tenant::start(options).await.expect("free ports");
    let folder = folder(&tenant, "");
    let is_harmful =
        |character: char| (character.is_control() && character != '\n') || "\u{9b}\u{202e}\u{2066}".contains(character);
    let ended = log_in(&folder).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut said = vec![ended];
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["accounts"],
        &["accounts", "--json"],
        &["userinfo"],
        &["userinfo", "--json"],
    ] {
        said.push(run(&folder, arguments).await);
    }
    for ended in said {
        assert!(ended.stdout.contains("Ada"), "{} {}", ended.stdout, ended.stderr);
        assert!(!ended.stdout.contains(is_harmful) && !ended.stderr.contains(is_harmful), "{:?}", ended.stdout);
    }
    let ended = run(&folder, &["status", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap()["name"], HOSTILE);
}

#[tokio::test]
async fn token_for_another_audience_or_scope_is_the_one_that_is_printed() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    let payload = |ended: &Ended| -> Value {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let part = ended.stdout.trim().split('.').nth(1).unwrap_or_else(|| panic!("no JWT: {}", ended.stderr));
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
    };
    let own = payload(&run(&folder, &["token"]).await);
    let other = payload(&run(&folder, &["token", "--audience", "https://api-2.example"]).await);
    let has = |claims: &Value, audience: &str| claims["aud"].to_string().contains(audience);
    assert!(has(&own, &tenant.audience()) && !has(&own, "api-2"), "{own}");
    assert!(has(&other, "https://api-2.example"), "{other}");
    let same = run(&folder, &["token", "--audience", &tenant.audience()]).await;
    assert_eq!(payload(&same), own, "the login's own audience is no other");

    let narrow = payload(&run(&folder, &["token", "--scope", "openid"]).await);
    assert_eq!(narrow["scope"], "openid", "{narrow}");
    let ended = run(&folder, &["token", "--json"]).await;
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["token_type"], "Bearer");
}

#[tokio::test]
async fn settings_that_changed_since_the_login_are_told() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    let file = folder.path().join("hallpass.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed =
        text.replace(&tenant.audience(), "https://api-2.example").replace("openid profile", "openid email profile");
    std::fs::write(&file, changed).unwrap();
    let ended = run(&folder, &["token"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("`audience` https://api-2.example, and the login was for "), "{}", ended.stderr);
    assert!(ended.stderr.contains("has `email` in `scope` since the login"), "{}", ended.stderr);
}

#[tokio::test]
async fn login_without_a_refresh_token_says_so_and_what_was_not_granted() {
    let tenant = tenant().await;
    tenant.set(|settings| settings.allow_offline_access = false);
    let folder = folder(&tenant, "");
    let ended = log_in(&folder).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("it cannot be renewed"), "{}", ended.stdout);
    let ended = run(&folder, &["logout"]).await;
    assert_eq!(ended.stdout, "Signed out here; there was no refresh token to revoke.\n");
}

#[tokio::test]
async fn store_of_the_file_is_the_same_in_the_folders_below() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    let file = folder.path().join("hallpass.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let store = format!("file:{}", folder.path().join("store").display());
    std::fs::write(&file, text.replace(&store, "file:store")).unwrap();
    log_in(&folder).await;
    let below = folder.path().join("one");
    std::fs::create_dir(&below).unwrap();
    let mut command = lab(&["status"]);
    command.current_dir(&below);
    let ended = Ended::of(command).await;
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert_eq!(std::fs::read_dir(&below).unwrap().count(), 0, "it made a store there");
}

#[tokio::test]
async fn call_has_the_habits_of_curl() {
    let tenant = tenant().await;
    let folder = folder(&tenant, &format!("api_origins = [\"{}\"]\n", tenant.api_url()));
    log_in(&folder).await;
    let ended = run(&folder, &["call", "-s", "-o", "answer.json", "/"]).await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    let answer = std::fs::read(folder.path().join("answer.json")).unwrap();
    assert_eq!(answer, run(&folder, &["call", "/"]).await.stdout.into_bytes());
    assert!(!answer.is_empty());
    let ended = run(&folder, &["call", "-v", "/"]).await;
    assert!(ended.stderr.contains("> GET http://") && ended.stderr.contains("< 200 in "), "{}", ended.stderr);
    let ended = run(&folder, &["call", "-f", "/nothing"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (22, ""));
    assert!(ended.stderr.contains("error: the API answered 404\n"), "{}", ended.stderr);
    let ended = run(&folder, &["call", "-I", "/"]).await;
    assert!(ended.stdout.starts_with("HTTP ") && ended.stdout.ends_with("\n\n"), "{}", ended.stdout);
}

#[tokio::test]
async fn failure_for_machines_is_json_and_names_the_request() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    let issuer = tenant.issuer();
    tenant.stop().await;
    let ended = run(&folder, &["renew", "--json"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (4, ""));
    let failure: Value = serde_json::from_str(&ended.stderr).unwrap();
    let error = &failure["error"];
    assert_eq!((&error["kind"], &error["code"]), (&"Offline".into(), &"unreachable".into()));
    assert!(error["request"].as_str().unwrap().contains(&issuer), "{failure}");
    let ended = run(&folder, &["renew"]).await;
    assert!(ended.stderr.contains(&issuer), "{}", ended.stderr);
}

#[tokio::test]
async fn command_gives_up_when_the_user_wants_to_wait_no_longer() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    log_in(&folder).await;
    tenant.fault(Fault::always(Endpoint::Token, FaultKind::Delay { milliseconds: 20_000 }));
    let ended = run(&folder, &["renew", "--timeout", "1"]).await;
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("not done after 1 s (POST "), "{}", ended.stderr);
}

#[tokio::test]
async fn login_at_a_domain_that_cannot_be_reached_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = lab(&["login", "--no-open", "--domain", "127.0.0.1:1", "--client-id", "x", "--store", "file:st"]);
    command.current_dir(folder.path());
    let ended = timeout(std::time::Duration::from_secs(20), Ended::of(command)).await.expect("at once");
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("could not be reached (GET https://127.0.0.1:1/"), "{}", ended.stderr);
}

#[tokio::test]
async fn paste_that_is_not_the_address_is_asked_for_again() {
    let tenant = tenant().await;
    let folder = folder(&tenant, &format!("redirect_uri = \"{REDIRECT_URI}\"\n"));
    let (mut child, address) = start(&folder, &["login", "--paste"]).await;
    let callback = sign_in(&address).await;
    let pasted = format!("nonsense\nhttps://elsewhere.example/?code=1\n\"{callback}\"\n");
    child.stdin.take().unwrap().write_all(pasted.as_bytes()).await.unwrap();
    assert_eq!(Ended::of_child(child).await.code, 0);
}

#[tokio::test]
async fn logout_waits_for_the_browser_and_says_that_it_came_back() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "post_logout_redirect_uri = \"http://127.0.0.1/callback\"\n");
    log_in(&folder).await;
    let (child, address) = start(&folder, &["logout", "--end-session", "--no-open"]).await;
    assert_eq!(visit(&address).await.status, 200);
    let ended = Ended::of_child(child).await;
    assert_eq!(ended.code, 0);
    assert!(ended.stdout.contains("The browser came back"), "{}", ended.stdout);
}

#[tokio::test]
async fn login_is_pushed_where_the_tenant_requires_it_or_the_option_asks() {
    let tenant = tenant().await;
    let folder = folder(&tenant, "");
    for (required, arguments, pushed) in [
        (false, &["login", "--no-open"][..], 0),
        (false, &["login", "--no-open", "--par"], 1),
        (true, &["login", "--no-open"], 2),
    ] {
        tenant.set(|settings| settings.require_pushed_authorization_requests = required);
        // The metadata of the login before is not taken for this one's.
        tenant.advance(std::time::Duration::from_secs(24 * 60 * 60));
        std::fs::remove_dir_all(folder.path().join("store")).ok();
        let (child, address) = start(&folder, arguments).await;
        visit(&address).await;
        let ended = Ended::of_child(child).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(count(&tenant, Endpoint::PushedAuthorizationRequest), pushed);
        assert_eq!(address.contains("request_uri=urn"), required || arguments.len() > 2, "{address}");
    }
}

#[tokio::test]
async fn login_that_should_have_been_pushed_is_refused() {
    let tenant = tenant().await;
    let domain = tenant.issuer();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "domain = \"{domain}\"\nclient_id = \"{}\"\nstore = \"file:st\"\ndanger_allow_loopback_http = true\n",
        tenant.client_id()
    );
    std::fs::write(folder.path().join("hallpass.toml"), text).unwrap();
    tenant.set(|settings| settings.require_pushed_authorization_requests = true);
    // In Auth0's dialect no metadata is read, so nothing says that it is required.
    let (child, address) = start(&folder, &["login", "--no-open"]).await;
    visit(&address).await;
    let ended = Ended::of_child(child).await;
    assert_eq!(ended.code, 5);
}

#[tokio::test]
async fn device_login_shows_a_code_and_ends_when_it_was_entered() {
    let tenant = tenant().await;
    tenant.set(|settings| settings.device_interval_seconds = 1);
    for json in [false, true] {
        let folder = folder(&tenant, "");
        let arguments: &[&str] = if json { &["login", "--device", "--json"] } else { &["login", "--device"] };
        let mut command = lab(arguments);
        command.current_dir(folder.path());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Ok(shown) = serde_json::from_str::<Value>(&line) {
                    return shown["verification_uri_complete"].as_str().unwrap().to_owned();
                }
                if line.starts_with("http://") {
                    return line;
                }
            }
            panic!("it showed no code")
        };
        let address = timeout(PATIENCE, address).await.expect("in time");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut browser = hallpass_tenant::browser::Browser::new();
        let page = browser.open(&address).await.unwrap().page().unwrap();
        let login = browser.submit(&page, &[]).await.unwrap().page().unwrap();
        let fields = [("username", "ada@example.com"), ("password", "correct horse"), ("action", "continue")];
        assert_eq!(browser.submit(&login, &fields).await.unwrap().page().unwrap().title(), "Device connected");
        let ended = Ended::of_child(child).await;
        assert_eq!(ended.code, 0);
        assert!(ended.stdout.contains("Ada Lovelace"), "{}", ended.stdout);
        let ended = run(&folder, &["call", "-f", &tenant.api_url()]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
}
