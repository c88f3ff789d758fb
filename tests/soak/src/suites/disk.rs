//! A disk that is full, a folder that is not one, and who may read the files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hallpass_tenant::{Endpoint, Fault, FaultKind};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::child::{Driver, PATIENCE};
use crate::device::Device;
use crate::record::{self, Record};
use crate::space;

/// Less than a record, so that its temporary file is begun and not finished. In bytes.
const TOO_LITTLE: [u64; 4] = [0, 1, 100, 1_000];

/// The disk is full before a renewal, and while its answer is on the way.
pub(crate) async fn full() -> Result<Vec<String>> {
    let device = Device::signed_in().await?;
    let mut driver = Driver::start()?;
    let session = device.open_signed_in(&mut driver).await?;
    if !space::limit(driver.process_id()?, None)? {
        return Ok(vec!["not run: this system cannot limit another process".to_owned()]);
    }
    for bytes in TOO_LITTLE {
        full_before(&device, &mut driver, &session, bytes).await.with_context(|| format!("before, {bytes} bytes"))?;
        full_meanwhile(&device, &mut driver, &session, bytes)
            .await
            .with_context(|| format!("meanwhile, {bytes} bytes"))?;
    }
    // What was kept in memory and saved later is what the next process finds.
    driver.kill().await?;
    let mut next = Driver::start()?;
    let session = device.open_signed_in(&mut next).await?;
    next.ok("renew", session).await?;
    device.judge(1)?;
    ensure!(record::unfinished_saves(&device.store())? == 0, "a save that failed left its temporary file");
    Ok(vec![
        format!("{} renewals with no space for their note: a storage error, and nothing was sent", TOO_LITTLE.len()),
        format!(
            "{} answers that could not be saved: a storage error, and saved as soon as there was space",
            TOO_LITTLE.len()
        ),
    ])
}

/// Without space for the note, nothing is sent and the record is as it was.
async fn full_before(device: &Device, driver: &mut Driver, session: &serde_json::Value, bytes: u64) -> Result<()> {
    let record = fs::read(record::file(&device.store())?)?;
    let before = device.renewals().len();
    space::limit(driver.process_id()?, Some(bytes))?;
    let error = driver.error("renew", session.clone()).await?;
    ensure!(error == "Storage/storage_failed", "a renewal on a full disk failed with {error}");
    still_signed_in(driver, session).await?;
    ensure!(device.renewals().len() == before, "a renewal was sent whose note could not be written");
    ensure!(fs::read(record::file(&device.store())?)? == record, "a save that failed changed the record");
    space::limit(driver.process_id()?, None)?;
    driver.ok("renew", session.clone()).await?;
    Ok(())
}

/// An answer that cannot be saved is kept, and saved by the next call that finds space (rule 3).
async fn full_meanwhile(device: &Device, driver: &mut Driver, session: &serde_json::Value, bytes: u64) -> Result<()> {
    let before = device.renewals().len();
    let generation = Record::read(&device.store())?.generation;
    let held = FaultKind::DelayedAnswer { milliseconds: 500 };
    device.tenant.fault(Fault::once(Endpoint::Token, held).for_grant_type("refresh_token"));
    let renewal = driver.send("renew", session.clone()).await?;
    let asked = async {
        while device.renewals().len() == before {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, asked).await.context("the renewal was not sent")?;
    space::limit(driver.process_id()?, Some(bytes))?;
    let answer = driver.answer(renewal).await?;
    ensure!(answer == Err("Storage/storage_failed".to_owned()), "a renewal that could not be saved ended {answer:?}");
    still_signed_in(driver, session).await?;
    ensure!(Record::read(&device.store())?.generation == generation, "a save that failed changed the record");
    space::limit(driver.process_id()?, None)?;
    let asked = json!({ "session": session["session"], "min_ttl": 0 });
    driver.ok("credentials", asked).await?;
    driver.ok("renew", session.clone()).await?;
    ensure!(Record::read(&device.store())?.generation > generation, "the token that was kept was never saved");
    Ok(())
}

/// The store's folder is gone, or a file is in its place: for a store that can be neither read nor written. (Rights would
/// not do: who runs this may be root, whom they do not bind.)
pub(crate) async fn without_folder() -> Result<Vec<String>> {
    let device = Device::signed_in().await?;
    let (store, aside) = (device.store(), device.store().with_extension("aside"));
    let mut driver = Driver::start()?;
    let session = device.open_signed_in(&mut driver).await?;
    for place in ["nothing", "a file"] {
        fs::rename(&store, &aside)?;
        if place == "a file" {
            fs::write(&store, "not a folder")?;
        }
        let before = device.renewals().len();
        let error = driver.error("renew", session.clone()).await?;
        ensure!(error.starts_with("Storage/"), "with {place} for a folder, a renewal failed with {error}");
        still_signed_in(&mut driver, &session).await.with_context(|| format!("with {place} for a folder"))?;
        ensure!(device.renewals().len() == before, "a renewal was sent that could not be noted");
        if place == "a file" {
            opened_without(&device, &store).await?;
            fs::remove_file(&store)?;
        }
        fs::rename(&aside, &store)?;
        driver.ok("renew", session.clone()).await.with_context(|| format!("after {place} for a folder"))?;
    }
    device.judge(1)?;
    Ok(vec![
        "with nothing or a file in its place: storage errors, nothing sent, and as before when it was back".to_owned(),
    ])
}

/// A process that starts without a store does not take that for signed out.
async fn opened_without(device: &Device, store: &Path) -> Result<()> {
    let mut driver = Driver::start()?;
    let opened = driver.error("open", device.opening(store)).await?;
    ensure!(opened.starts_with("Storage/"), "opening a file as a folder failed with {opened}");
    Ok(())
}

/// Only the owner may read what is stored, and nothing else lies about.
pub(crate) async fn files() -> Result<Vec<String>> {
    let device = Device::signed_in().await?;
    let mut driver = Driver::start()?;
    let session = device.open_signed_in(&mut driver).await?;
    driver.ok("renew", session).await?;
    driver.kill().await?;
    let files = record::files(&device.store())?;
    for (name, path) in &files {
        if name.ends_with(".lock") {
            let length = fs::metadata(path)?.len();
            ensure!(length == 0, "{name} holds {length} bytes, and a lock is there to be held only");
        } else {
            let mode = mode(path)?;
            ensure!(mode.is_none_or(|mode| mode == 0o600), "{name} has the mode {mode:?}");
        }
    }
    let mode = mode(&device.store())?;
    ensure!(mode.is_none_or(|mode| mode == 0o700), "the folder has the mode {mode:?}");
    let temporary = files.iter().filter(|(name, _)| name.ends_with(".tmp")).count();
    ensure!(temporary == 0, "{temporary} temporary files were left behind");
    Ok(vec![format!("{} files, each with the mode 0600, in a folder with 0700", files.len())])
}

#[cfg(unix)]
fn mode(path: &Path) -> Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;

    Ok(Some(fs::metadata(path)?.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Result<Option<u32>> {
    Ok(None)
}

async fn still_signed_in(driver: &mut Driver, session: &serde_json::Value) -> Result<()> {
    let state = driver.ok("state", session.clone()).await?;
    ensure!(state["state"]["name"] == "signed_in", "the state is {state}");
    Ok(())
}
