//! Servers and stores that are not there, or not what they should be: a typed error, the next step, and nothing lost.

use hallpass_tenant::{Endpoint, Fault, FaultKind, Tenant};

use crate::support::{Ended, lab, tenant};

/// `lab login` at an issuer, in a folder of its own.
async fn log_in(issuer: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file:{}", folder.path().join("store").display());
    let mut command =
        lab(&["login", "--no-open", "--danger-allow-loopback-http", "--issuer", issuer, "--client-id", "x"]);
    command.args(["--store", &store]).current_dir(folder.path());
    Ended::of(command).await
}

async fn log_in_with(tenant: &Tenant, kind: FaultKind) -> Ended {
    tenant.clear_faults();
    tenant.fault(Fault::always(Endpoint::OpenidConfiguration, kind));
    log_in(&tenant.issuer()).await
}

#[tokio::test]
async fn wrong_path_of_the_issuer_is_the_issuers_fault() {
    let tenant = tenant().await;
    let ended = log_in(&format!("{}wrong/", tenant.issuer())).await;
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("--issuer: `issuer` cannot be") && ended.stderr.contains("trailing slash"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn issuer_without_its_trailing_slash_is_not_trusted_and_told_how_to_be() {
    let tenant = tenant().await;
    let ended = log_in(tenant.issuer().trim_end_matches('/')).await;
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(ended.stderr.contains("discovery_issuer") && ended.stderr.contains("trailing slash"), "{}", ended.stderr);
}

#[tokio::test]
async fn host_that_cannot_be_reached_is_offline() {
    let tenant = tenant().await;
    let issuer = tenant.issuer();
    tenant.stop().await;
    let ended = log_in(&issuer).await;
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("could not be reached") && ended.stderr.contains("misspelling"), "{}", ended.stderr);
}

#[tokio::test]
async fn server_that_speaks_no_tls_is_offline() {
    let tenant = tenant().await;
    let ended = log_in(&tenant.issuer().replace("http:", "https:")).await;
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("no trusted connection"), "{}", ended.stderr);
}

#[tokio::test]
async fn metadata_that_is_none_is_refused_with_where_it_was_looked_for() {
    let tenant = tenant().await;
    for kind in [
        FaultKind::HtmlBody,
        FaultKind::EmptyBody,
        FaultKind::TruncatedJson,
        FaultKind::DeepJson { depth: 50_000 },
        FaultKind::OversizedBody { bytes: 10_000_000 },
    ] {
        let name = kind.name();
        let ended = log_in_with(&tenant, kind).await;
        assert!(ended.code == 4 || ended.code == 6, "{name}: {} {}", ended.code, ended.stderr);
        assert!(ended.stderr.contains(" next: ") && !ended.stderr.contains("panicked"), "{name}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn server_that_fails_is_offline() {
    let tenant = tenant().await;
    assert_eq!(log_in_with(&tenant, FaultKind::InternalServerError).await.code, 4);
    assert_eq!(log_in_with(&tenant, FaultKind::LostAnswer).await.code, 4);
}

#[tokio::test]
async fn store_that_cannot_be_is_a_storage_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let mut command = lab(&["status", "--domain", "tenant.eu.auth0.com", "--client-id", "x"]);
    command.args(["--store", &format!("file:{}", file.display())]).current_dir(folder.path());
    let ended = Ended::of(command).await;
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(ended.stderr.contains("next: see to the folder"), "{}", ended.stderr);
}

#[tokio::test]
async fn record_that_is_damaged_is_no_crash_and_not_a_sign_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file:{}", folder.path().join("store").display());
    let arguments = ["--domain", "tenant.eu.auth0.com", "--client-id", "x", "--store", &store];
    let status = || {
        let mut command = lab(&["status"]);
        command.args(arguments).current_dir(folder.path());
        Ended::of(command)
    };
    assert_eq!(status().await.code, 3);
    let entry = folder.path().join("store").join(record_name());
    std::fs::write(&entry, "9.abc.{}").unwrap();
    let ended = status().await;
    assert_eq!(ended.code, 7, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(std::fs::read_to_string(&entry).unwrap(), "9.abc.{}");
}

/// The entry of the account `default` at the issuer and client of the test above.
fn record_name() -> String {
    "session.".to_owned() + &client_digits("https://tenant.eu.auth0.com/\nx") + ".default"
}

/// The first 16 hexadecimal digits of the SHA-256 of `text`, as the tenant's fingerprint has the first 8.
fn client_digits(text: &str) -> String {
    use hallpass_core::protocol::secret::AccessToken;
    AccessToken::new(text).fingerprint().to_string()
}
