//! Everything that is the same on every machine, for `tests/bench/counts.toml`, which says what it was.

use anyhow::Result;
use hallpass_core::MinTtl;
use hallpass_core::adapters::SystemClock;

use crate::allocations::count;
use crate::fixture::{ALGORITHMS, Login};
use crate::measures::{one_thread, store};
use crate::provider::{Direct, ISSUER, Provider, open, sign_in};
use crate::store::CountingStore;

/// Counts everything: names as in the file, in its order.
///
/// # Errors
/// When a session does not do as it should.
pub fn all() -> Result<Vec<(String, usize)>> {
    let mut counts = Vec::new();
    for algorithm in ALGORITHMS {
        let login = Login::new(algorithm);
        let name = algorithm.name().to_ascii_lowercase();
        let of_ring = count(|| login.verify());
        counts.push((format!("id-token.{name}.allocations"), count(|| login.validate()) - of_ring));
    }
    let requests = of_a_session(&mut counts)?;
    counts.extend(requests);
    let store::Counts { reads_to_restore, reusable, rotating, late_writes } = store::count()?;
    for (name, count) in [
        ("store.restore.reads", reads_to_restore),
        ("store.renewal-reusable.reads", reusable.0),
        ("store.renewal-reusable.writes", reusable.1),
        ("store.renewal-rotating.reads", rotating.0),
        ("store.renewal-rotating.writes", rotating.1),
        ("store.renewal.late-writes", late_writes),
    ] {
        counts.push((name.to_owned(), count));
    }
    Ok(counts)
}

/// Adds the allocations of a hit and of a login and a renewal; returns their requests.
fn of_a_session(counts: &mut Vec<(String, usize)>) -> Result<Vec<(String, usize)>> {
    let runtime = one_thread()?;
    let provider = Provider::new(ISSUER);
    let session = runtime.block_on(async {
        let session = open(ISSUER, Direct::to(&provider), CountingStore::default(), SystemClock);
        // The second time, everything is as large as it gets.
        sign_in(&session).await;
        sign_in(&session).await;
        session
    });
    let hit = count(|| runtime.block_on(async { session.credentials(MinTtl::default()).await.is_ok() }));
    counts.push(("credentials.hit.allocations".to_owned(), hit));

    let before = provider.all_requests();
    runtime.block_on(sign_in(&session));
    let login = provider.all_requests() - before;
    runtime.block_on(session.renew())?;
    let renewal = provider.all_requests() - before - login;
    Ok(vec![("login.requests".to_owned(), login), ("renewal.requests".to_owned(), renewal)])
}
