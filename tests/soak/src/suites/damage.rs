//! Records that are not what was written: cut short, with a bit flipped, of a newer version.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::child::Driver;
use crate::device::Device;
use crate::random::Random;
use crate::record::{self, Record};

/// Every length of a record but the whole one.
pub(crate) async fn cut_short() -> Result<Vec<String>> {
    let mut scene = Scene::new().await?;
    let record = scene.record.clone();
    for length in 0..record.len() {
        scene.open(&record[..length]).await.with_context(|| format!("cut to {length} bytes"))?;
    }
    scene.whole_again().await?;
    Ok(vec![format!("{} lengths: each is known for damaged, and the file is left as it is", record.len())])
}

/// A bit flipped in every byte of a record.
pub(crate) async fn flipped_bits(seed: u64) -> Result<Vec<String>> {
    let mut random = Random::new(seed);
    let mut scene = Scene::new().await?;
    let record = scene.record.clone();
    for byte in 0..record.len() {
        let mut damaged = record.clone();
        let bit = random.below(8);
        damaged[byte] ^= 1 << bit;
        scene.open(&damaged).await.with_context(|| format!("bit {bit} of byte {byte}"))?;
    }
    scene.whole_again().await?;
    Ok(vec![format!("{} bytes: each is known for damaged, and the file is left as it is", record.len())])
}

/// What a damaged record cannot do is stand in the way of the next login.
pub(crate) async fn login_after() -> Result<Vec<String>> {
    let mut set_aside = 0;
    for (what, damage) in [
        ("cut short", (|record: &mut Vec<u8>| record.truncate(100)) as fn(&mut Vec<u8>)),
        ("a bit flipped", |record| record[200] ^= 1),
        ("not text", |record| record[200] = 0xff),
        ("empty", Vec::clear),
    ] {
        let device = Device::signed_in().await?;
        let file = record::file(&device.store())?;
        let mut record = fs::read(&file)?;
        damage(&mut record);
        fs::write(&file, &record)?;
        device.tenant.clear_requests();
        let mut driver = Driver::start()?;
        let session = device.open(&mut driver).await?;
        device.log_in(&mut driver, &session).await.with_context(|| format!("after a record that was {what}"))?;
        driver.ok("renew", json!({ "session": session })).await?;
        driver.kill().await?;
        Record::read(&device.store())?;
        device.judge(1)?;
        let aside = record::files(&device.store())?.into_iter().find(|(name, _)| name.starts_with("quarantine."));
        let (_, aside) = aside.with_context(|| format!("a record that was {what} was not set aside"))?;
        ensure!(what == "not text" || fs::read(aside)? == record, "what was set aside is not what was there");
        set_aside += 1;
    }
    Ok(vec![format!("{set_aside} records: a login goes through, and what was there is set aside")])
}

/// A record that a newer version wrote is neither believed nor overwritten, not even by a login.
pub(crate) async fn newer_version() -> Result<Vec<String>> {
    let device = Device::signed_in().await?;
    let file = record::file(&device.store())?;
    let ours = fs::read(&file)?;
    let newer = [b"2", &ours[1..]].concat();
    fs::write(&file, &newer)?;
    let mut driver = Driver::start()?;
    let (session, state) = device.open_in(&mut driver, &device.store()).await?;
    ensure!(state["name"] == "restoring", "a session was opened {state}");
    let session = json!({ "session": session });
    for op in ["credentials", "renew", "login_start"] {
        let error = driver.error(op, session.clone()).await?;
        ensure!(error == "Storage/storage_failed", "`{op}` failed with {error}");
    }
    driver.kill().await?;
    ensure!(fs::read(&file)? == newer, "a newer version's record was overwritten");
    ensure!(device.renewals().is_empty(), "something was sent");
    // The app was updated, or went back to the version before.
    fs::write(&file, ours)?;
    let mut driver = Driver::start()?;
    let session = device.open_signed_in(&mut driver).await?;
    driver.ok("renew", session).await?;
    device.judge(1)?;
    Ok(vec!["storage errors, nothing sent, the file as it was; its own version reads it afterwards".to_owned()])
}

/// A record that was good, and one process that opens what became of it.
struct Scene {
    device: Device,
    driver: Driver,
    record: Vec<u8>,
}

impl Scene {
    async fn new() -> Result<Self> {
        let device = Device::signed_in().await?;
        let record = fs::read(record::file(&device.store())?)?;
        Ok(Self { device, driver: Driver::start()?, record })
    }

    /// Opens a session on `damaged`. It may be signed out for the one reason that its storage is lost, or not know yet;
    /// nothing else, and nothing may be written.
    async fn open(&mut self, damaged: &[u8]) -> Result<()> {
        let file = record::file(&self.device.store())?;
        fs::write(&file, damaged)?;
        let (session, state) = self.device.open_in(&mut self.driver, &self.device.store()).await?;
        self.driver.ok("close", json!({ "session": session })).await?;
        ensure!(state == expected(&file), "a session was opened {state}");
        ensure!(fs::read(&file)? == damaged, "the damaged record was overwritten");
        Ok(())
    }

    /// The good record, put back, is good.
    async fn whole_again(mut self) -> Result<()> {
        fs::write(record::file(&self.device.store())?, &self.record)?;
        let session = self.device.open_signed_in(&mut self.driver).await?;
        self.driver.ok("renew", session).await?;
        self.driver.kill().await?;
        self.device.judge(1)
    }
}

/// The state of a session on a damaged record. One bit turns `1.` into the name of a newer version, which is not known to
/// be damaged.
fn expected(file: &Path) -> Value {
    let text = fs::read(file).unwrap_or_default();
    let version = text.split(|&byte| byte == b'.').next().unwrap_or_default();
    let newer = std::str::from_utf8(version)
        .ok()
        .and_then(|version| version.parse().ok())
        .is_some_and(|version: u32| version > 1);
    if newer && text.contains(&b'.') {
        json!({ "name": "restoring", "problem": "storage_failed" })
    } else {
        json!({ "name": "signed_out", "reason": "storage_invalidated" })
    }
}
