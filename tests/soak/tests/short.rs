//! The whole program with fewer kills and less time: what `cargo xtask soak` runs at length.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a failure")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Many times what it takes; a program that hangs is killed.
const LIMIT: Duration = Duration::from_secs(9 * 60);

#[test]
fn nobody_is_signed_out_by_kills_crowds_full_disks_damaged_records_and_moved_clocks() {
    let mut soak = Command::new(env!("CARGO_BIN_EXE_hallpass-soak"))
        .args(["--kills", "60", "--processes", "8", "--seconds", "6"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = soak.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > LIMIT {
            soak.kill().unwrap();
            soak.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "see above for what was violated");
}
