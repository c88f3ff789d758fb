//! How often the store is asked: to start, to renew, and in which order.

use anyhow::{Context, Result, ensure};
use hallpass_core::{MinTtl, Session};

use super::one_thread;
use crate::provider::{Direct, ISSUER, Provider, open, sign_in};
use crate::report::counted;
use crate::store::CountingStore;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Reads until a started app has its credentials.
    pub reads_to_restore: usize,
    /// Reads of a renewal, and writes before any caller goes on, with a refresh token that can be used again.
    pub reusable: (usize, usize),
    /// The same with one that can be used once: the intent is written as well (ADR 1).
    pub rotating: (usize, usize),
    /// Writes after callers had gone on.
    pub late_writes: usize,
}

pub(super) fn take() -> Result<()> {
    let counts = count()?;
    counted("store.restore.reads", counts.reads_to_restore);
    counted("store.renewal-reusable.reads", counts.reusable.0);
    counted("store.renewal-reusable.writes", counts.reusable.1);
    counted("store.renewal-rotating.reads", counts.rotating.0);
    counted("store.renewal-rotating.writes", counts.rotating.1);
    counted("store.renewal.late-writes", counts.late_writes);
    Ok(())
}

/// Counts.
///
/// # Errors
/// When a session does not do as it should.
pub fn count() -> Result<Counts> {
    let runtime = one_thread()?;
    runtime.block_on(async {
        let (provider, store) = (Provider::new(ISSUER), CountingStore::default());
        let opened = || open(ISSUER, Direct::to(&provider), store.clone(), provider.clock().clone());
        let session = opened();
        sign_in(&session).await;
        drop(session);
        store.forget();

        let session = opened();
        session.credentials(MinTtl::default()).await?;
        let reads_to_restore = store.reads();
        ensure!(store.writes() == 0, "to start is to read");

        let (rotating, late) = renewal(&session, &provider, &store).await?;
        provider.stop_rotating();
        // With this renewal it is learnt that the token is reusable.
        renewal(&session, &provider, &store).await?;
        let (reusable, later) = renewal(&session, &provider, &store).await?;
        Ok(Counts { reads_to_restore, reusable, rotating, late_writes: late + later })
    })
}

/// Reads and writes until the caller goes on, and writes afterwards.
async fn renewal(session: &Session, provider: &Provider, store: &CountingStore) -> Result<((usize, usize), usize)> {
    provider.clock().expire();
    store.forget();
    session.credentials(MinTtl::default()).await.context("a renewal")?;
    let counts = (store.reads(), store.writes());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    Ok((counts, store.writes() - counts.1))
}
