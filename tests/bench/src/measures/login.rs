//! Exchange, validate, renew, validate, over HTTP on this machine, against two bare requests with the same client; and
//! against those with the signature of each answer verified, which is the least that a client does who validates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hallpass_core::adapters::{Reqwest, SystemClock};
use hallpass_core::{Login, Session};
use hallpass_protocol::jws::Algorithm;

use super::one_thread;
use crate::fixture;
use crate::mill::Mill;
use crate::peers::{self, Peer};
use crate::provider::{CLIENT_ID, REDIRECT_URI, callback, open, sign_in};
use crate::report::measured;
use crate::rounds::{Contender, Plan, compare};
use crate::store::CountingStore;

pub(super) fn take() -> Result<()> {
    let runtime = one_thread()?;
    let mill = Mill::start(Duration::ZERO)?;
    let session = runtime.block_on(async {
        let session = open(mill.issuer(), Reqwest::new()?, CountingStore::default(), SystemClock);
        sign_in(&session).await;
        anyhow::Ok(session)
    })?;
    // The provider's metadata and keys are known from here on, as they are to the peers.
    let client = reqwest::Client::builder().tls_backend_preconfigured(no_tls()?).http1_only().no_proxy().build()?;
    let signed = fixture::Login::new(Algorithm::Es256);
    let mut contenders = vec![
        Contender::timed("reqwest", |iterations| {
            runtime.block_on(timed(iterations, async || bare(&client, mill.issuer(), || ()).await))
        }),
        Contender::timed("verified", |iterations| {
            runtime.block_on(timed(iterations, async || bare(&client, mill.issuer(), || signed.verify()).await))
        }),
        Contender::timed("hallpass", |iterations| runtime.block_on(timed(iterations, async || whole(&session).await))),
    ];
    let words = [mill.issuer(), CLIENT_ID, REDIRECT_URI];
    contenders.extend(peers::start("login", &words)?.into_iter().map(Peer::contender));
    let timings = compare(Plan::LONG, contenders);
    let [bare, verified, hallpass, peers @ ..] = timings.as_slice() else { bail!("three contenders are ours") };
    measured("login.reqwest.microseconds", bare.time.as_secs_f64() * 1e6);
    measured("login.verified.ratio", verified.ratio);
    measured("login.ratio", hallpass.ratio);
    for other in std::iter::once(verified).chain(peers) {
        measured(&format!("login.of-{}.ratio", other.name), hallpass.time.as_secs_f64() / other.time.as_secs_f64());
    }
    Ok(())
}

/// Nothing here is encrypted, and `reqwest` asks for a configuration all the same.
fn no_tls() -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

async fn timed(iterations: u32, work: impl AsyncFn() -> Result<()>) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        work().await.expect("the provider issues what is asked for");
    }
    start.elapsed()
}

/// The requests by themselves, their answers read and nothing made of them but `after_each`.
async fn bare(client: &reqwest::Client, issuer: &str, after_each: impl Fn()) -> Result<()> {
    for form in [
        "grant_type=authorization_code&code=nonce&client_id=aBcD1234eFgH5678iJkL9012mNoP3456",
        "grant_type=refresh_token&refresh_token=refresh&client_id=aBcD1234eFgH5678iJkL9012mNoP3456",
    ] {
        let request =
            client.post(format!("{issuer}/token")).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await?.bytes().await?;
        (!answer.is_empty()).then_some(()).context("an empty answer")?;
        after_each();
    }
    Ok(())
}

/// With all that belongs to it: the pending login stored, the session stored, the intent to renew stored.
async fn whole(session: &Session) -> Result<()> {
    let started = session.start_login(Login::default()).await?;
    session.resume(&callback(&started)).await?;
    session.renew().await?;
    Ok(())
}
