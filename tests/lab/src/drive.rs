//! The public API as JSON lines, so that a test suite in any language can drive the core.
//!
//! One request object a line comes in, one answer object a line goes out with the same `id`. Requests run concurrently
//! and are answered in any order. The operations, their members and the error codes are in this crate's README; the
//! Swift and Kotlin twins of this driver speak the very same lines.

mod answer;
mod clock;
mod counting;
mod events;
mod lines;
mod operations;
pub mod request;
mod sessions;

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

pub use clock::MovableClock;
pub use request::{MAX_LINE, Operation, Refusal, RefusalCode, Request, parse};

use answer::Answer;
use lines::{Line, Lines};
use sessions::Driver;

/// How many requests may wait for their answers; more are read when one of these is answered.
const MOST_PENDING: usize = 20_000;

/// Answers the requests of `input` on `output` until the input ends and everything is answered, or until nobody reads the
/// answers any more.
///
/// # Errors
/// When the input cannot be read or the output not be written.
pub async fn drive(
    input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> io::Result<()> {
    let driver = Arc::new(Driver::new());
    let pending = Arc::new(Semaphore::new(MOST_PENDING));
    let (answers, to_write) = mpsc::unbounded_channel();
    let mut writer = tokio::spawn(write(output, to_write));
    let mut lines = Lines::new(input, MAX_LINE);
    let mut work = JoinSet::new();
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            ended = &mut writer => return ended.unwrap_or(Ok(())),
            Some(_) = work.join_next() => continue,
        };
        let request = match line {
            None => break,
            Some(Line::Whole(line)) if line.trim_ascii().is_empty() => continue,
            Some(Line::Whole(line)) => parse(line),
            Some(Line::TooLong) => Err(Refusal::too_long()),
        };
        // The semaphore is never closed, so there is a permit sooner or later.
        let permit = Arc::clone(&pending).acquire_owned().await.ok();
        let (driver, answers) = (Arc::clone(&driver), answers.clone());
        match request {
            // That nobody takes an answer any more is seen above, when the writer has ended.
            Err(refusal) => drop(answers.send((Answer::refusal(&refusal), permit))),
            Ok(request) => drop(work.spawn(async move {
                let outcome = driver.perform(request.operation).await;
                drop(answers.send((Answer::new(&request.id, outcome), permit)));
            })),
        }
    }
    while work.join_next().await.is_some() {}
    drop(answers);
    writer.await.unwrap_or(Ok(()))
}

/// An answer to be written, and the right to be pending, which ends then.
type Due = (Answer, Option<OwnedSemaphorePermit>);

/// Writes answers, each as one line, and flushes whenever no other waits.
async fn write(mut output: impl AsyncWrite + Unpin, mut answers: mpsc::UnboundedReceiver<Due>) -> io::Result<()> {
    while let Some((answer, _permit)) = answers.recv().await {
        output.write_all(answer.line().as_bytes()).await?;
        if answers.is_empty() {
            output.flush().await?;
        }
    }
    output.flush().await
}
