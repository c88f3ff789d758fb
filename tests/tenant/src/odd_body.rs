//! Bodies of JSON answers that are odd on their way: as gateways, byte-oriented servers and careless templates make them.

use axum::http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};
use serde::{Deserialize, Serialize};

/// What is odd about a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OddBody {
    /// Compressed with gzip (RFC 1952) and said to be, whatever the client accepts.
    Gzip,
    /// A byte order mark before the text, which RFC 8259 §8.1 forbids.
    ByteOrderMark,
    /// ISO-8859-1 in place of UTF-8, with a member that has a letter beyond ASCII in it.
    Latin1Member,
    /// A member that no specification knows, twice with two values (RFC 8259 §4).
    DuplicateMember,
}

impl OddBody {
    /// `body` made odd, and the header fields that come with that.
    pub(crate) fn made(self, body: &[u8], headers: &mut HeaderMap) -> Vec<u8> {
        headers.remove(CONTENT_LENGTH);
        match self {
            Self::Gzip => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip(body)
            }
            Self::ByteOrderMark => ["\u{feff}".as_bytes(), body].concat(),
            Self::Latin1Member => latin_1(&with_members(body, "\"display_name\": \"Jos\u{e9}\"")),
            Self::DuplicateMember => with_members(body, "\"session_hint\": 1, \"session_hint\": \"two\"").into_bytes(),
        }
    }
}

/// A JSON object with more members, as they stand in the text, before its own. What is no object stays as it is.
fn with_members(body: &[u8], members: &str) -> String {
    let text = String::from_utf8_lossy(body);
    match text.trim_start().strip_prefix('{') {
        Some(rest) if rest.trim_start().starts_with('}') => format!("{{{members}{rest}"),
        Some(rest) => format!("{{{members}, {rest}"),
        None => text.into_owned(),
    }
}

/// The text as ISO-8859-1; what that does not have is a question mark.
fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

/// A gzip member (RFC 1952 §2.3) of stored blocks (RFC 1951 §3.2.4): valid, and no smaller.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = body.chunks(usize::from(u16::MAX)).peekable();
    if blocks.peek().is_none() {
        member.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        member.push(u8::from(blocks.peek().is_none()));
        member.extend(length.to_le_bytes());
        member.extend((!length).to_le_bytes());
        member.extend(block);
    }
    member.extend(crc_32(body).to_le_bytes());
    // The length modulo 2^32 (RFC 1952 §2.3.1).
    member.extend((body.len() as u32).to_le_bytes());
    member
}

/// RFC 1952 §8, a bit at a time.
fn crc_32(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_that_of_the_specification() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc_32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn gzip_is_a_whole_member_with_every_byte_in_it() {
        let mut headers = HeaderMap::new();
        for body in [Vec::new(), b"{}".to_vec(), vec![b'a'; 70_000]] {
            let made = OddBody::Gzip.made(&body, &mut headers);
            assert_eq!(made[..4], [0x1f, 0x8b, 8, 0]);
            let blocks = body.len().div_ceil(usize::from(u16::MAX)).max(1);
            assert_eq!(made.len(), 10 + blocks * 5 + body.len() + 8);
            assert_eq!(made[made.len() - 4..], (body.len() as u32).to_le_bytes());
        }
        assert_eq!(headers["content-encoding"], "gzip");
    }

    #[test]
    fn members_are_put_before_those_that_are_there() {
        let made = |oddity: OddBody, body: &str| oddity.made(body.as_bytes(), &mut HeaderMap::new());
        assert_eq!(
            made(OddBody::DuplicateMember, r#"{"a":1}"#),
            br#"{"session_hint": 1, "session_hint": "two", "a":1}"#
        );
        assert_eq!(made(OddBody::DuplicateMember, "{}"), br#"{"session_hint": 1, "session_hint": "two"}"#);
        assert_eq!(made(OddBody::DuplicateMember, "[]"), b"[]");
        assert_eq!(made(OddBody::Latin1Member, "{}"), b"{\"display_name\": \"Jos\xe9\"}");
        assert_eq!(made(OddBody::ByteOrderMark, "{}"), b"\xef\xbb\xbf{}");
    }
}
