//! Where the story goes: to a terminal, to a file, or as JSON to another program.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::event::Event;
use super::text;

/// Tells events as they happen. A clone tells into the same place.
#[derive(Clone)]
pub(super) struct Narrator(Arc<Mutex<dyn Voice>>);

/// A manner of telling.
pub(super) trait Voice: Send + 'static {
    /// Tells one event.
    fn tell(&mut self, event: &Event) -> io::Result<()>;
}

impl Narrator {
    /// Tells on standard output: JSON, or text that has colours, and lines that are written over, on a terminal only.
    pub(super) fn on_stdout(json: bool) -> Self {
        if json {
            Self::with_voice(Json)
        } else {
            Self::with_voice(Text { terminal: io::stdout().is_terminal(), line_open: false })
        }
    }

    pub(super) fn with_voice(voice: impl Voice) -> Self {
        Self(Arc::new(Mutex::new(voice)))
    }

    /// Tells one event.
    ///
    /// A reader who went away is no reason to stop: the walk's result is its exit code.
    pub(super) fn tell(&self, event: &Event) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).tell(event));
    }
}

/// One object a line.
struct Json;

impl Voice for Json {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let mut output = io::stdout().lock();
        serde_json::to_writer(&mut output, event)?;
        writeln!(output)?;
        output.flush()
    }
}

/// Text for people.
struct Text {
    terminal: bool,
    /// Whether a line on the terminal is unfinished, to be written over.
    line_open: bool,
}

impl Voice for Text {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let mut output = anstream::stdout().lock();
        match event {
            Event::Waiting { seconds_left, until } => match text::waiting(*seconds_left, until, self.terminal) {
                Some(line) if self.terminal => {
                    write!(output, "\r{line}")?;
                    self.line_open = true;
                }
                Some(line) => writeln!(output, "{line}")?,
                None => {}
            },
            Event::Started { .. }
            | Event::Step { .. }
            | Event::Note { .. }
            | Event::Exchange(_)
            | Event::Said { .. }
            | Event::Check { .. }
            | Event::Finished(_) => {
                if std::mem::take(&mut self.line_open) {
                    writeln!(output)?;
                }
                write!(output, "{}", text::of(event))?;
            }
        }
        output.flush()
    }
}
