//! Every adapter keeps the contract of its port.

use std::time::Duration;

use hallpass_core::adapters::{DangerPlainFiles, FileLease, MemoryStore, SoftwareSigner, contract};
use hallpass_core::ports::{EntryName, Lease, SecureStore};

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_keeps_the_contract_of_a_store() {
    let store = MemoryStore::new();
    contract::secure_store(async || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_files_keep_the_contract_of_a_store() {
    let directory = tempfile::tempdir().unwrap();
    contract::secure_store(async || DangerPlainFiles::open(directory.path().join("store")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_files_keep_the_contract_of_a_lease() {
    let directory = tempfile::tempdir().unwrap();
    contract::lease(|| FileLease::in_directory(directory.path())).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_lease_file_is_for_its_owner_only_also_one_that_was_not() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state/hallpass");
    let (file, name) = (directory.join(".account.lock"), EntryName::parse("account").unwrap());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let lease = FileLease::in_directory(&directory);
    drop(lease.acquire(&name, Duration::ZERO).await.unwrap());
    assert_eq!((mode(&directory), mode(&file)), (0o700, 0o600));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(lease.acquire(&name, Duration::ZERO).await.unwrap());
    assert_eq!(mode(&file), 0o600);
}

#[tokio::test]
async fn a_store_that_processes_share_brings_a_lease_that_they_share() {
    let directory = tempfile::tempdir().unwrap();
    let open = || DangerPlainFiles::open(directory.path()).unwrap();
    let name = EntryName::parse("account").unwrap();
    let held = open().default_lease().unwrap().acquire(&name, Duration::ZERO).await.unwrap();
    let other: std::sync::Arc<dyn SecureStore> = std::sync::Arc::new(open());
    assert!(other.default_lease().unwrap().acquire(&name, Duration::ZERO).await.is_err());
    drop(held);
    assert!(MemoryStore::new().default_lease().is_none());
}

#[cfg(all(feature = "keychain", target_os = "linux"))]
#[test]
fn the_secret_service_brings_a_lease() {
    assert!(hallpass_core::adapters::Keychain::new("hallpass-tests").default_lease().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_software_signer_keeps_the_contract_of_a_signer() {
    let store = MemoryStore::new();
    let entry = EntryName::parse("key.contract").unwrap();
    contract::key_signer(async || SoftwareSigner::new(store.clone(), entry.clone())).await;
}

#[cfg(feature = "reqwest")]
#[tokio::test(flavor = "multi_thread")]
async fn reqwest_keeps_the_contract_of_a_transport() {
    use hallpass_core::adapters::Reqwest;

    let with_limits =
        |limits: contract::Limits| Reqwest::builder().connect_timeout(limits.connect).timeout(limits.whole);
    // Not `Reqwest::new`, because a machine without certificate authorities has no such transport.
    let root = rcgen::generate_simple_self_signed(["nobody.example".to_owned()]).unwrap().cert.pem();
    contract::transport(|limits| with_limits(limits).extra_root(root.as_str()).build().unwrap()).await;
    contract::transport_with_trust(|limits, pem| with_limits(limits).extra_root(pem).build().unwrap()).await;
}

#[cfg(feature = "loopback-browser")]
#[tokio::test(flavor = "multi_thread")]
async fn the_loopback_browser_keeps_the_contract_of_a_browser() {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use hallpass_core::adapters::LoopbackBrowser;
    use hallpass_core::ports::BrowserError;
    use hallpass_core::protocol::client::RedirectUri;
    use url::Url;

    /// Follows the redirect as a browser would.
    fn visit(redirect: &Url) -> std::io::Result<()> {
        let authority = &redirect[url::Position::BeforeHost..url::Position::AfterPort];
        let target = &redirect[url::Position::BeforePath..];
        let mut connection = TcpStream::connect(&*redirect.socket_addrs(|| None)?)?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(connection, "GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n")?;
        connection.read_to_end(&mut Vec::new())?;
        Ok(())
    }

    for configured in ["http://127.0.0.1/callback", "http://localhost:0/callback"] {
        let configured = RedirectUri::parse(configured).unwrap();
        contract::browser(&configured, |user| {
            let open = move |page: &Url| {
                let redirect = user(page);
                redirect.as_ref().map_or(Ok(()), visit).map_err(|_| BrowserError::Failed("the redirect went nowhere"))
            };
            LoopbackBrowser::with_opener(open).patience(Duration::from_secs(1))
        })
        .await;
    }
}
