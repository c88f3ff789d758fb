//! What ten thousand logins leave behind.

use std::fs;

use anyhow::{Context, Result};
use hallpass_core::adapters::SystemClock;

use super::one_thread;
use crate::allocations::live_bytes;
use crate::provider::{Direct, ISSUER, Provider, open, sign_in};
use crate::report::measured;
use crate::store::CountingStore;

const LOGINS: usize = 10_000;

/// Until the allocator, the maps and the channels are as large as they get.
const WARM_UP: usize = 1_000;

pub(super) fn take() -> Result<()> {
    let runtime = one_thread()?;
    let provider = Provider::new(ISSUER);
    runtime.block_on(async {
        let session = open(ISSUER, Direct::to(&provider), CountingStore::default(), SystemClock);
        for _ in 0..WARM_UP {
            sign_in(&session).await;
        }
        let (live, resident) = (live_bytes(), resident_kibibytes()?);
        for _ in 0..LOGINS {
            sign_in(&session).await;
        }
        // The runtime has one thread, so that everything is on one account.
        println!("measured memory.10000-logins.bytes {}", live_bytes() - live);
        measured("memory.10000-logins.resident-kibibytes", resident_kibibytes()? - resident);
        Ok(())
    })
}

/// The memory of this process that is in use.
fn resident_kibibytes() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("this measure is for Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")
}
