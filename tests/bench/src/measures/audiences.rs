//! Fifty audiences renewed at once with a refresh token that can be used again, against one renewal.

use std::time::{Duration, Instant};

use anyhow::Result;
use hallpass_core::{CredentialsRequest, Session};
use tokio::task::JoinSet;

use super::two_threads;
use crate::provider::{Direct, ISSUER, Provider, open, sign_in};
use crate::report::{counted, measured};
use crate::rounds::{Contender, Plan, compare};
use crate::store::CountingStore;

const AUDIENCES: usize = 50;

/// What a request takes over a mobile network.
const REQUEST: Duration = Duration::from_millis(30);

pub(super) fn take() -> Result<()> {
    let runtime = two_threads()?;
    let provider = Provider::new(ISSUER);
    provider.stop_rotating();
    let session = runtime.block_on(async {
        let transport = Direct::to(&provider).after(REQUEST);
        let session = open(ISSUER, transport, CountingStore::default(), provider.clock().clone());
        sign_in(&session).await;
        // After a renewal without a new refresh token it is known that this one is reusable.
        session.renew().await.map(|_| session)
    })?;
    let mut requests = 0;
    let timings = compare(
        Plan::ONE_BY_ONE,
        vec![
            Contender::timed("one", |_| {
                provider.clock().expire();
                runtime.block_on(renewed(&session, 1))
            }),
            Contender::timed("fifty", |_| {
                provider.clock().expire();
                let before = provider.requests_to("/token");
                let time = runtime.block_on(renewed(&session, AUDIENCES));
                requests = provider.requests_to("/token") - before;
                time
            }),
        ],
    );
    measured("audiences.50.ratio", timings[1].ratio);
    counted("audiences.50.requests", requests);
    Ok(())
}

/// How long it takes to have credentials for some audiences whose tokens have expired.
async fn renewed(session: &Session, audiences: usize) -> Duration {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..audiences {
        let session = session.clone();
        let audience = format!("https://api-{number}.example");
        tasks.spawn(async move { session.credentials(CredentialsRequest::new().audience(audience)).await });
    }
    for outcome in tasks.join_all().await {
        outcome.expect("the provider issues what is asked for");
    }
    start.elapsed()
}
