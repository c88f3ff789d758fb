//! What a command says, and the one way to say it: nothing that somebody else wrote reaches a terminal as it came.
//!
//! Names, descriptions and answers come from servers, and a terminal obeys what is written to it: it moves the cursor, sets
//! titles and clipboards, or turns the direction of the text around.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use serde_json::Value;

/// `text` with every character made visible that a terminal would obey, but for line breaks and tabs.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmful(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// The same for a piece of a line, in which there is no line break either.
pub fn in_one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', " ")
}

/// JSON in which those characters are written as JSON escapes them, so that it still means the same.
pub fn printable_json(value: &Value) -> String {
    let text = value.to_string();
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Controls, and what is invisible or changes the direction of what follows (UAX #9).
fn is_harmful(character: char) -> bool {
    (character.is_control() && character != '\n' && character != '\t')
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Says a result, on standard output. A reader who has gone is no failure.
pub(crate) fn say(text: &str) {
    print(anstream::stdout(), &printable(text));
}

/// Says a result as JSON, on standard output.
pub(crate) fn say_json(value: &Value) {
    print(anstream::stdout(), &printable_json(value));
}

/// Says something beside the result, on standard error.
pub(crate) fn note(text: &str) {
    print(anstream::stderr(), &printable(text));
}

/// Says something beside the result as JSON, on standard error.
pub(crate) fn note_json(value: &Value) {
    print(anstream::stderr(), &printable_json(value));
}

fn print(mut output: impl Write, text: &str) {
    // A reader that has closed the pipe, as `head` does, is no failure.
    drop(writeln!(output, "{text}").and_then(|()| output.flush()));
}

/// Copies what an API answered to standard output: as it came, but for a terminal.
///
/// # Errors
/// When it cannot be written. A reader who has gone is no failure.
pub(crate) fn copy(bytes: &[u8]) -> io::Result<()> {
    let output = io::stdout().lock();
    let is_terminal = output.is_terminal();
    match copy_to(output, is_terminal, bytes) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn copy_to(mut output: impl Write, is_terminal: bool, bytes: &[u8]) -> io::Result<()> {
    if is_terminal {
        let text = String::from_utf8_lossy(bytes);
        // A carriage return before a line break moves nothing that is still to be read.
        output.write_all(printable(&text.replace("\r\n", "\n")).as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            output.write_all(b"\n")?;
        }
    } else {
        output.write_all(bytes)?;
    }
    output.flush()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A title, a clipboard, colours, C1's own introducer, a turned direction, an invisible tag.
    const HOSTILE: &str = "Ada\u{1b}]0;owned\u{7}\u{1b}[31m\u{9b}2J\u{202e}gnp.exe\u{2066}\u{200f}\u{e0041}\r";

    #[test]
    fn text_that_a_terminal_would_obey_is_made_visible() {
        let shown = printable(HOSTILE);
        assert!(!shown.contains(is_harmful), "{shown:?}");
        assert!(shown.starts_with("Ada\\u{1b}]0;owned\\u{7}"), "{shown}");
        assert_eq!(printable("Zoë 李\tnext\nline"), "Zoë 李\tnext\nline");
        assert_eq!(in_one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn json_for_a_terminal_means_the_same_and_is_visible() {
        let value = json!({ "name": HOSTILE });
        let shown = printable_json(&value);
        assert!(!shown.contains(is_harmful), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn answer_is_copied_as_it_came_but_for_a_terminal() {
        let copied = |is_terminal, bytes: &[u8]| {
            let mut output = Vec::new();
            copy_to(&mut output, is_terminal, bytes).unwrap();
            output
        };
        assert_eq!(copied(false, b"\x1b[2J\xff"), b"\x1b[2J\xff");
        assert_eq!(copied(true, b"a\r\n\x1b[2J\xff"), "a\n\\u{1b}[2J\u{fffd}\n".as_bytes());
    }

    /// One place decides what a terminal gets, so no command writes to it by itself.
    #[test]
    fn commands_write_to_the_terminal_in_one_way_only() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
        let mut files = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands.rs")];
        for folder in [folder.clone(), folder.join("doctor")] {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            files.extend(entries.filter(|path| path.is_file()));
        }
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for way in ["println!", "print!", "stdout()", "stderr()"] {
                assert!(!text.contains(way), "{} has {way}", file.display());
            }
        }
    }
}
