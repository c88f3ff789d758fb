//! Every adapter keeps the contract of its port.

use std::time::Duration;

use hallpass_core::adapters::{DangerPlainFiles, FileLease, MemoryStore, SoftwareSigner, contract};
use hallpass_core::ports::EntryName;

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
