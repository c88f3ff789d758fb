//! The core's log, handed to the app: what `tracing` says becomes a line for `os.Logger`, Logcat or SLF4J.
//!
//! Lines are handed over on a thread of their own, so that a slow receiver holds up no verb, and one that calls a session
//! waits for nothing that waits for it. When it falls far behind, lines are left out, and the next line says how many.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use hallpass_core as core;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, callsite};

use crate::error::HallpassError;

/// How many lines wait for a receiver at most.
const WAITING: usize = 256;
/// What begins the targets of the core's own lines. Those of its libraries may show addresses, and are none of an app's.
const OURS: &str = "hallpass";

/// Who gets the lines of the log.
#[uniffi::export(with_foreign)]
pub trait LogReceiver: Send + Sync {
    /// A line was written. It holds no secret and no text of a server's.
    ///
    /// # Errors
    /// Ignored.
    fn log(&self, line: LogLine) -> Result<(), LogFailure>;
}

/// A receiver threw. There is nobody to tell.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum LogFailure {
    /// It threw something.
    #[error("the receiver of the log failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for LogFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Something that should not be.
    Warning,
    /// What happens to sessions: sign-ins, ends, refusals, failed renewals.
    Info,
    /// What the core does about it.
    Debug,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// What it says, with values as `name=value`.
    pub message: String,
}

/// Sends the lines of `level` and of all that matter more to `receiver`, and to nobody else; to nobody without one.
///
/// # Errors
/// [`HallpassError::Misconfigured`] when something else in this library has taken the log; [`HallpassError::Internal`] when the
/// system gives no thread.
#[uniffi::export]
pub fn send_log_to(receiver: Option<Arc<dyn LogReceiver>>, level: LogLevel) -> Result<(), HallpassError> {
    let Some(receiver) = receiver else {
        LEVEL.store(OFF, Ordering::Relaxed);
        *lines() = None;
        callsite::rebuild_interest_cache();
        return Ok(());
    };
    let (sender, waiting) = sync_channel(WAITING);
    thread::Builder::new()
        .name("hallpass-log".to_owned())
        .spawn(move || hand_over(&*receiver, &waiting))
        .map_err(|_| core::Error::Internal { reference: "no_log_thread" })?;
    install()?;
    *lines() = Some(sender);
    LEVEL.store(rank(level), Ordering::Relaxed);
    callsite::rebuild_interest_cache();
    Ok(())
}

const OFF: u8 = 0;
static LEVEL: AtomicU8 = AtomicU8::new(OFF);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
/// Where lines go; the thread that waits for them ends with it.
static LINES: Mutex<Option<SyncSender<LogLine>>> = Mutex::new(None);
static IS_INSTALLED: Mutex<bool> = Mutex::new(false);

fn lines() -> std::sync::MutexGuard<'static, Option<SyncSender<LogLine>>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn install() -> core::Result<()> {
    let mut is_installed = IS_INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_installed {
        tracing::subscriber::set_global_default(Lines).map_err(|_| core::Error::Misconfigured {
            field: "log",
            fix: "this library's log has a subscriber already",
        })?;
        *is_installed = true;
    }
    Ok(())
}

fn hand_over(receiver: &dyn LogReceiver, waiting: &Receiver<LogLine>) {
    for line in waiting {
        let left_out = LEFT_OUT.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let message = format!("{left_out} lines were left out: the receiver of the log is slow");
            let _ = receiver.log(LogLine { level: LogLevel::Warning, message });
        }
        let _ = receiver.log(line);
    }
}

const fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Warning => 1,
        LogLevel::Info => 2,
        LogLevel::Debug => 3,
    }
}

/// What the lines of a level are called here; `None` for those that nobody is to get.
fn named(level: Level) -> Option<LogLevel> {
    match level {
        Level::ERROR | Level::WARN => Some(LogLevel::Warning),
        Level::INFO => Some(LogLevel::Info),
        Level::DEBUG => Some(LogLevel::Debug),
        _ => None,
    }
}

/// Makes lines of what `tracing` says.
struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(OURS)
            && named(*metadata.level()).is_some_and(|level| rank(level) <= LEVEL.load(Ordering::Relaxed))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match LEVEL.load(Ordering::Relaxed) {
            OFF => LevelFilter::OFF,
            1 => LevelFilter::WARN,
            2 => LevelFilter::INFO,
            _ => LevelFilter::DEBUG,
        })
    }

    fn event(&self, event: &Event<'_>) {
        let Some(level) = named(*event.metadata().level()) else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let line = LogLine { level, message: text.message + &text.values };
        let is_full = lines().as_ref().is_some_and(|sender| sender.try_send(line).is_err());
        LEFT_OUT.fetch_add(u64::from(is_full), Ordering::Relaxed);
    }

    // The core opens no spans; those of others say nothing here.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The text of an event: its message, and its other fields as `name=value`.
#[derive(Default)]
struct Text {
    message: String,
    values: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.values, " {name}={value:?}"),
        };
    }
}
