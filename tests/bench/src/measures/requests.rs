//! What remains to be asked when the browser has come back, and how long that takes over a network.

use std::time::{Duration, Instant};

use anyhow::Result;
use hallpass_core::Login;
use hallpass_core::adapters::{Reqwest, SystemClock};

use super::one_thread;
use crate::mill::Mill;
use crate::peers;
use crate::provider::{CLIENT_ID, REDIRECT_URI, callback, open};
use crate::report::{counted, measured};
use crate::rounds::{Contender, Plan, compare};
use crate::store::CountingStore;

/// What a request takes over a mobile network.
const REQUEST: Duration = Duration::from_millis(30);

pub(super) fn take() -> Result<()> {
    let runtime = one_thread()?;
    let mill = Mill::start(REQUEST)?;
    let mut requests = 0;
    let mut contenders = vec![Contender::timed("hallpass", |_| {
        runtime.block_on(async {
            let (time, made) = after_the_callback(&mill).await.expect("the provider issues what is asked for");
            requests = made.max(requests);
            time
        })
    })];
    let words = [mill.issuer(), CLIENT_ID, REDIRECT_URI];
    contenders.extend(peers::start("first-login", &words)?.into_iter().map(peers::Peer::contender));
    let timings = compare(Plan::ONE_BY_ONE, contenders);
    counted("requests.after-callback", requests);
    for peer in timings.iter().skip(1) {
        measured(&format!("requests.of-{}.ratio", peer.name), timings[0].time.as_secs_f64() / peer.time.as_secs_f64());
    }
    Ok(())
}

/// The first login on a device: metadata and keys are fetched while the user looks at the page.
async fn after_the_callback(mill: &Mill) -> Result<(Duration, usize)> {
    let provider = mill.provider();
    let session = open(mill.issuer(), Reqwest::new()?, CountingStore::default(), SystemClock);
    let keys = provider.requests_to("/keys");
    let started = session.start_login(Login::default()).await?;
    while provider.requests_to("/keys") == keys {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The user takes longer than the keys.
    tokio::time::sleep(REQUEST * 3).await;
    let (before, start) = (provider.all_requests(), Instant::now());
    session.resume(&callback(&started)).await?;
    Ok((start.elapsed(), provider.all_requests() - before))
}
