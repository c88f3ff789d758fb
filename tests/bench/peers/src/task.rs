//! The ID token to validate, as the benchmark wrote it down.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

/// A token, the key set of its issuer, and what to expect of it.
#[derive(Deserialize)]
pub struct Task {
    pub algorithm: String,
    pub token: String,
    pub jwks: Value,
    pub issuer: String,
    pub client_id: String,
    pub nonce: String,
}

impl Task {
    /// Reads it.
    pub fn read(file: &str) -> Result<Self> {
        Ok(serde_json::from_slice(&fs::read(file)?)?)
    }
}

/// How long `iterations` of `work` take.
pub fn timed(iterations: u32, mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..iterations {
        work()?;
    }
    Ok(start.elapsed())
}
