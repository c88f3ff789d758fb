//! Where the story goes: to a terminal, to a file, or as JSON to another program.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::event::Event;
use super::text;

/// Tells events as they happen. A clone tells into the same place.
#[derive(Clone)]
pub(super) struct Narrator(Arc<Mutex<Voice>>);

struct Voice {
    manner: Manner,
    /// Whether a line on the terminal is unfinished, to be written over.
    line_open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Json,
    Text { terminal: bool },
}

impl Narrator {
    /// Tells on standard output: JSON, or text that has colours, and lines that are written over, on a terminal only.
    pub(super) fn on_stdout(json: bool) -> Self {
        let manner = if json { Manner::Json } else { Manner::Text { terminal: io::stdout().is_terminal() } };
        Self(Arc::new(Mutex::new(Voice { manner, line_open: false })))
    }

    /// Tells one event.
    ///
    /// A reader who went away is no reason to stop: the walk's result is its exit code.
    pub(super) fn tell(&self, event: &Event) {
        let mut voice = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(voice.tell(event));
    }
}

impl Voice {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let mut output = anstream::stdout().lock();
        let terminal = match self.manner {
            Manner::Json => {
                serde_json::to_writer(&mut output, event)?;
                writeln!(output)?;
                return output.flush();
            }
            Manner::Text { terminal } => terminal,
        };
        if let Event::Waiting { seconds_left, until } = event {
            match text::waiting(*seconds_left, until, terminal) {
                Some(line) if terminal => {
                    write!(output, "\r{line}")?;
                    self.line_open = true;
                }
                Some(line) => writeln!(output, "{line}")?,
                None => {}
            }
        } else {
            if std::mem::take(&mut self.line_open) {
                writeln!(output)?;
            }
            write!(output, "{}", text::of(event))?;
        }
        output.flush()
    }
}
