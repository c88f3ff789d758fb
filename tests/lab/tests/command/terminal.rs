//! What a shell, kubectl and git get of `lab`, and how it looks in a narrow terminal.

use std::process::Stdio;

use hallpass_tenant::Tenant;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::support::{Ended, lab, sign_in, tenant};

async fn ended(arguments: &[&str]) -> Ended {
    Ended::of(lab(arguments)).await
}

/// A folder with a property file, and Ada signed in there.
async fn signed_in(tenant: &Tenant) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "issuer = \"{}\"\nclient_id = \"{}\"\naudience = \"{}\"\nstore = \"file:st\"\ndanger_allow_loopback_http = true\n\
         redirect_uri = \"com.example.hallpass:/callback\"\napi_origins = [\"{}\"]\n",
        tenant.issuer(),
        tenant.client_id(),
        tenant.audience(),
        tenant.api_url(),
    );
    std::fs::write(folder.path().join("hallpass.toml"), text).unwrap();
    let mut command = lab(&["login", "--paste"]);
    let mut child = command.current_dir(folder.path()).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(child.stderr.take().unwrap()));
    let address = loop {
        let line = lines.next_line().await.unwrap().expect("an address");
        if line.starts_with("http://") {
            break line;
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let callback = sign_in(&address).await;
    child.stdin.take().unwrap().write_all(format!("{callback}\n").as_bytes()).await.unwrap();
    assert_eq!(Ended::of_child(child).await.code, 0);
    folder
}

async fn asked(folder: &TempDir, arguments: &[&str], input: &str) -> Ended {
    let mut command = lab(arguments);
    let mut child = command.current_dir(folder.path()).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    Ended::of_child(child).await
}

#[tokio::test]
async fn completion_and_pages_are_printed_for_every_shell_and_command() {
    for (shell, words) in [("bash", "complete -F _lab"), ("zsh", "#compdef lab"), ("fish", "complete -c lab")] {
        let script = ended(&["completion", shell]).await;
        assert_eq!(script.code, 0);
        assert!(script.stdout.contains(words) && script.stdout.contains("git-credential"), "{shell}");
    }
    let page = ended(&["man", "login"]).await.stdout;
    assert!(page.contains(".TH lab-login 1") && page.contains("\\-\\-device"), "{page:.500}");
    assert_eq!(ended(&["man", "fly"]).await.code, 2);
}

#[tokio::test]
async fn help_fits_a_narrow_terminal_and_has_no_escapes_in_a_pipe() {
    for command in ["login", "call", "doctor", "git-credential"] {
        let mut help = lab(&[command, "--help"]);
        help.env("COLUMNS", "60");
        let help = Ended::of(help).await.stdout;
        assert!(!help.contains('\u{1b}'));
        let options = help.split("Where settings come from").next().unwrap();
        let too_wide: Vec<&str> = options.lines().filter(|line| line.chars().count() > 60).collect();
        assert!(too_wide.is_empty(), "{command}: {too_wide:#?}");
    }
}

#[tokio::test]
async fn kubectl_gets_a_token_with_its_end() {
    let tenant = tenant().await;
    let folder = signed_in(&tenant).await;
    let credential = asked(&folder, &["token", "--exec-credential"], "").await;
    let credential: Value = serde_json::from_str(&credential.stdout).unwrap();
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(credential["kind"], "ExecCredential");
    assert_eq!(credential["status"]["token"].as_str().unwrap().split('.').count(), 3);
    let ends = credential["status"]["expirationTimestamp"].as_str().unwrap();
    assert!(ends.len() == 20 && ends.ends_with('Z'), "{ends}");
}

#[tokio::test]
async fn an_id_token_is_printed_alone_as_json_and_as_kubectl_takes_it() {
    let tenant = tenant().await;
    let folder = signed_in(&tenant).await;
    let alone = asked(&folder, &["token", "--id-token"], "").await;
    assert_eq!((alone.code, alone.stdout.trim().split('.').count()), (0, 3), "{}", alone.stderr);
    let object = asked(&folder, &["token", "--id-token", "--json"], "").await;
    let object: Value = serde_json::from_str(&object.stdout).unwrap();
    assert_eq!(object["id_token"], alone.stdout.trim());
    assert!(object["expires_at"].is_i64());
    let credential = asked(&folder, &["token", "--id-token", "--exec-credential"], "").await;
    let credential: Value = serde_json::from_str(&credential.stdout).unwrap();
    assert_eq!(credential["status"]["token"], alone.stdout.trim());
    assert!(credential["status"]["expirationTimestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(asked(&folder, &["token", "--id-token", "--audience", "other"], "").await.code, 2);
}

#[tokio::test]
async fn a_report_says_why_the_session_is_as_it_is_and_holds_no_token() {
    let tenant = tenant().await;
    let folder = signed_in(&tenant).await;
    let token = asked(&folder, &["token"], "").await.stdout;
    let report = asked(&folder, &["status", "--report"], "").await;
    assert_eq!(report.code, 0, "{}", report.stderr);
    assert!(report.stdout.contains("hallpass.session.state=signed_in\n"), "{}", report.stdout);
    assert!(!report.stdout.contains(token.trim()));
    let object = asked(&folder, &["status", "--report", "--json"], "").await;
    let object: Value = serde_json::from_str(&object.stdout).unwrap();
    assert_eq!(object["hallpass.refresh_token.is_there"], "true");
}

#[tokio::test]
async fn git_gets_a_token_for_an_allowed_origin_and_nothing_for_another() {
    let tenant = tenant().await;
    let folder = signed_in(&tenant).await;
    let api = url::Url::parse(&tenant.api_url()).unwrap();
    let host = format!("{}:{}", api.host_str().unwrap(), api.port().unwrap());
    let request = format!("protocol=http\nhost={host}\n\n");
    let given = asked(&folder, &["git-credential", "get"], &request).await;
    assert_eq!(given.code, 0, "{}", given.stderr);
    let line = |given: &Ended, key: &str| {
        given.stdout.lines().find_map(|line| line.strip_prefix(&format!("{key}=")).map(str::to_owned))
    };
    assert_eq!(line(&given, "username").as_deref(), Some("oauth2"));
    let token = line(&given, "password").unwrap();
    assert!(line(&given, "password_expiry_utc").is_some());
    let schemes = asked(&folder, &["git-credential", "get"], &format!("capability[]=authtype\n{request}")).await;
    assert_eq!(
        (line(&schemes, "authtype").as_deref(), line(&schemes, "credential")),
        (Some("Bearer"), Some(token.clone()))
    );

    let other = asked(&folder, &["git-credential", "get"], "protocol=https\nhost=evil.example\n\n").await;
    assert_eq!((other.code, other.stdout.as_str()), (0, ""));
    assert!(other.stderr.contains("not in `api_origins`"), "{}", other.stderr);

    assert_eq!(asked(&folder, &["git-credential", "store"], &request).await.code, 0);
    let foreign = asked(&folder, &["git-credential", "erase"], &format!("password=other\n{request}")).await;
    assert_eq!(foreign.code, 0);
    let same = asked(&folder, &["git-credential", "get"], &request).await;
    assert_eq!(line(&same, "password"), Some(token.clone()), "a password of somebody else's changes nothing");
    let erased = asked(&folder, &["git-credential", "erase"], &format!("password={token}\n{request}")).await;
    assert_eq!(erased.code, 0, "{}", erased.stderr);
    let next = asked(&folder, &["git-credential", "get"], &request).await;
    assert_ne!(line(&next, "password").unwrap(), token, "one that was refused is renewed");
}
