//! Lines of bounded length: a longer one is skipped, and the next one read as if nothing had happened.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Reads lines from `input`.
pub(super) struct Lines<I> {
    input: I,
    limit: usize,
    line: Vec<u8>,
    too_long: bool,
}

/// One line of input, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
}

impl<I: AsyncBufRead + Unpin> Lines<I> {
    pub(super) fn new(input: I, limit: usize) -> Self {
        Self { input, limit, line: Vec::new(), too_long: false }
    }

    /// The next line; `None` at the end of the input. A last line without its end counts.
    ///
    /// It may be dropped and called again at any time: what was read of a line is kept.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.line.ends_with(b"\n") {
            self.line.clear();
            self.too_long = false;
        }
        loop {
            let available = self.input.fill_buf().await?;
            let at_end = available.is_empty();
            let end = available.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            if self.line.len() + taken > self.limit + 1 {
                self.too_long = true;
                self.line.clear();
                // Marks the end of the line for the next call.
                self.line.extend(end.map(|_| b'\n'));
            } else {
                self.line.extend_from_slice(&available[..taken]);
            }
            self.input.consume(taken);
            match (end.is_some(), at_end) {
                (true, _) if self.too_long => return Ok(Some(Line::TooLong)),
                (true, _) => return Ok(Some(Line::Whole(self.line.strip_suffix(b"\n").unwrap_or(&self.line)))),
                (false, true) if self.too_long => {
                    self.too_long = false;
                    self.line.clear();
                    return Ok(Some(Line::TooLong));
                }
                (false, true) if self.line.is_empty() => return Ok(None),
                (false, true) => {
                    self.line.push(b'\n');
                    return Ok(Some(Line::Whole(self.line.strip_suffix(b"\n").unwrap_or(&self.line))));
                }
                (false, false) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    async fn read(input: &[u8], limit: usize, buffer: usize) -> Vec<String> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, input), limit);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            seen.push(match line {
                Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                Line::TooLong => "(too long)".to_owned(),
            });
        }
        seen
    }

    #[tokio::test]
    async fn lines_are_told_apart_however_they_arrive() {
        for buffer in [1, 2, 3, 64] {
            assert_eq!(read(b"ab\n\ncde\nf", 10, buffer).await, ["ab", "", "cde", "f"], "{buffer}");
            assert_eq!(read(b"", 10, buffer).await, Vec::<String>::new());
            assert_eq!(read(b"\n", 10, buffer).await, [""]);
        }
    }

    #[tokio::test]
    async fn line_longer_than_the_limit_is_skipped_and_the_next_is_read() {
        for buffer in [1, 2, 3, 64] {
            assert_eq!(
                read(b"abcd\n1234\nabcde\n1234\nabcdefghijklm\n\n", 4, buffer).await,
                ["abcd", "1234", "(too long)", "1234", "(too long)", ""]
            );
            assert_eq!(read(b"abcdefghi", 4, buffer).await, ["(too long)"]);
            assert_eq!(read(b"a\nabcdefghi\n", 4, buffer).await, ["a", "(too long)"]);
        }
    }

    #[tokio::test]
    async fn reading_that_is_given_up_in_mid_line_goes_on_where_it_was() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let mut lines = Lines::new(BufReader::new(reader), 10);
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"abc").await.unwrap();
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, lines.next()).await.is_err());
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"def\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap(), Some(Line::Whole(b"abcdef")));
    }
}
