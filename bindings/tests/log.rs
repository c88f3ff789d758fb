//! The log that an app gets: in a process of its own, as there is one log a process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is how a failure is told")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass::{LogFailure, LogLevel, LogLine, LogReceiver, send_log_to};

const LIMIT: Duration = Duration::from_secs(10);

struct Receives {
    lines: Mutex<Sender<LogLine>>,
    /// Held to keep the receiver from going on.
    turn: Arc<Mutex<()>>,
}

impl LogReceiver for Receives {
    fn log(&self, line: LogLine) -> Result<(), LogFailure> {
        let _turn = self.turn.lock().unwrap();
        self.lines.lock().unwrap().send(line).unwrap();
        // What it throws is nobody's concern.
        Err(LogFailure::Failed)
    }
}

fn receiver(level: LogLevel) -> (Receiver<LogLine>, Arc<Mutex<()>>) {
    let (lines, received) = channel();
    let turn = Arc::new(Mutex::new(()));
    send_log_to(Some(Arc::new(Receives { lines: Mutex::new(lines), turn: Arc::clone(&turn) })), level).unwrap();
    (received, turn)
}

fn next(received: &Receiver<LogLine>) -> LogLine {
    received.recv_timeout(LIMIT).expect("a line")
}

#[test]
fn lines_of_the_core_come_by_level_and_a_slow_receiver_holds_up_nobody() {
    let (received, _) = receiver(LogLevel::Info);
    tracing::debug!(target: "hallpass_core::session", "of no matter");
    tracing::info!(target: "hyper::client", "https://secret.example");
    tracing::info!(target: "hallpass_core::session", code = "invalid_grant", status = 400, "refused");
    let expected = LogLine { level: LogLevel::Info, message: "refused code=\"invalid_grant\" status=400".to_owned() };
    assert_eq!(next(&received), expected);

    // From now on everything goes to another one.
    let (second, turn) = receiver(LogLevel::Debug);
    tracing::debug!(target: "hallpass_core::session", "of some matter");
    assert_eq!(next(&second).level, LogLevel::Debug);
    assert!(received.recv_timeout(Duration::from_millis(50)).is_err());

    let held = turn.lock().unwrap();
    for number in 0..1_000 {
        tracing::warn!(target: "hallpass_core::session", number, "busy");
    }
    drop(held);
    let told = std::iter::repeat_with(|| next(&second)).find(|line| line.message.contains("were left out")).unwrap();
    assert_eq!(told.level, LogLevel::Warning);

    send_log_to(None, LogLevel::Debug).unwrap();
    tracing::warn!(target: "hallpass_core::session", "to nobody");
    let late: Vec<LogLine> = std::iter::from_fn(|| second.recv_timeout(Duration::from_millis(200)).ok()).collect();
    assert!(late.iter().all(|line| !line.message.contains("to nobody")), "{late:?}");
}
