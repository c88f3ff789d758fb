//! Content codings of answers (RFC 9110 §8.4): gzip, which some front ends send whatever was asked for.
//!
//! Here and not in a transport, so that every transport profits, an app's own too. One that decodes by itself is left
//! alone, although many keep the header field: what does not begin as gzip is not gzip.

use std::io::Read;

use flate2::bufread::GzDecoder;
use hallpass_protocol::http::{Headers, Response};
use zeroize::Zeroize;

use crate::ports::TransportError;

/// How every member of a gzip file begins (RFC 1952 §2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The answer with its content as the server meant it, of at most `limit` bytes. A coding that is not known, or that
/// breaks, leaves the answer as it came: whoever reads it will say what is wrong with it.
///
/// # Errors
/// [`TransportError::TooLarge`] when it is gzip of more than `limit` bytes, of which no more are decoded.
pub(crate) fn decoded(mut response: Response, limit: usize) -> Result<Response, TransportError> {
    if !is_gzip(&response.headers) || !response.body.starts_with(&MAGIC) {
        return Ok(response);
    }
    // Room for all of it and for the byte that tells that it is too large: it may hold tokens, and a buffer that grows
    // leaves copies behind.
    let mut body = Vec::with_capacity(announced(&response.body).min(limit).saturating_add(1));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let outcome = GzDecoder::new(response.body.as_slice()).take(most).read_to_end(&mut body);
    if body.len() > limit {
        body.zeroize();
        return Err(TransportError::TooLarge { limit });
    }
    match outcome {
        Ok(_) => {
            std::mem::swap(&mut response.body, &mut body);
            response.headers = response.headers.iter().filter(|(name, _)| !is_of_coding(name)).collect();
        }
        Err(error) => tracing::debug!(kind = ?error.kind(), "an answer that says it is gzip cannot be decoded"),
    }
    // What came over the wire, or what was decoded until it broke.
    body.zeroize();
    Ok(response)
}

/// Whether gzip is the one coding that was applied. `x-gzip` is the same (RFC 9110 §8.4.1.3).
fn is_gzip(headers: &Headers) -> bool {
    let mut codings = headers
        .get_all("content-encoding")
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    let is_gzip = |coding: &str| coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip");
    codings.next().is_some_and(is_gzip) && codings.next().is_none()
}

/// Whether the field is about the content as it came over the wire.
fn is_of_coding(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-encoding") || name.eq_ignore_ascii_case("content-length")
}

/// How long the content is, by its last four bytes (RFC 1952 §2.3.1). Nothing depends on whether that is true.
fn announced(gzip: &[u8]) -> usize {
    let length = gzip.last_chunk().map_or(0, |bytes: &[u8; 4]| u32::from_le_bytes(*bytes));
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};

    use super::*;

    const TEXT: &[u8] = br#"{"access_token":"a"}"#;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn answer(encoding: &str, body: Vec<u8>) -> Response {
        let headers = Headers::from_iter([
            ("Content-Type", "application/json"),
            ("Content-Encoding", encoding),
            ("Content-Length", "7"),
            ("Date", "now"),
        ]);
        Response { status: 201, headers, body }
    }

    fn names(response: &Response) -> Vec<&str> {
        response.headers.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn gzip_that_was_not_asked_for_is_decoded() {
        for encoding in ["gzip", "GZIP", "x-gzip", " gzip ", "identity, gzip", "gzip,"] {
            let response = decoded(answer(encoding, gzip(TEXT)), 1024).unwrap();
            assert_eq!((response.status, &*response.body), (201, TEXT), "{encoding}");
            assert_eq!(names(&response), ["Content-Type", "Date"], "{encoding}");
        }
        assert_eq!(decoded(answer("gzip", gzip(b"")), 0).unwrap().body, b"");
    }

    #[test]
    fn what_is_not_gzip_is_left_as_it_came() {
        let deflated = {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(TEXT).unwrap();
            encoder.finish().unwrap()
        };
        for (encoding, body) in [
            // A transport that decodes and keeps the field, as Apple's does.
            ("gzip", TEXT.to_vec()),
            ("gzip", Vec::new()),
            ("br", gzip(TEXT)),
            ("gzip, gzip", gzip(&gzip(TEXT))),
            ("gzip, br", gzip(TEXT)),
            ("identity", gzip(TEXT)),
            ("", gzip(TEXT)),
            ("deflate", deflated),
        ] {
            let response = decoded(answer(encoding, body.clone()), 1024).unwrap();
            assert_eq!(response.body, body, "{encoding}");
            assert_eq!(response.headers.get("content-encoding"), Some(encoding));
        }
        let plain = Response { status: 200, headers: Headers::new(), body: gzip(TEXT) };
        assert_eq!(decoded(plain, 1024).unwrap().body, gzip(TEXT));
    }

    #[test]
    fn gzip_that_is_damaged_is_left_as_it_came() {
        let whole = gzip(TEXT);
        for end in 0..whole.len() {
            let response = decoded(answer("gzip", whole[..end].to_vec()), 1024).unwrap();
            assert_eq!(response.body, whole[..end], "{end}");
            assert_eq!(names(&response).len(), 4);
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x55;
            let response = decoded(answer("gzip", damaged.clone()), 1024).unwrap();
            assert!(response.body == damaged || response.body == TEXT, "{place}: neither what came nor what was meant");
        }
    }

    #[test]
    fn an_answer_of_two_members_gives_the_first() {
        // RFC 1952 §2.2 allows more; no server of HTTP sends them, and some append what is none.
        let trailing = [gzip(TEXT), b"\0\0".to_vec()].concat();
        assert_eq!(decoded(answer("gzip", trailing), 1024).unwrap().body, TEXT);
    }

    #[test]
    fn a_bomb_is_too_large_and_the_limit_itself_is_not() {
        let limit = 64 * 1024;
        assert_eq!(decoded(answer("gzip", gzip(&vec![b'x'; limit])), limit).unwrap().body.len(), limit);
        for length in [limit + 1, 50_000_000] {
            let outcome = decoded(answer("gzip", gzip(&vec![b'x'; length])), limit).map(|_| ());
            assert_eq!(outcome, Err(TransportError::TooLarge { limit }));
        }
        assert!(decoded(answer("gzip", gzip(TEXT)), 0).is_err());
    }

    #[test]
    fn a_length_that_is_announced_reserves_no_more_than_the_limit() {
        let mut lying = gzip(TEXT);
        let end = lying.len();
        lying[end - 4..].fill(0xff);
        assert_eq!((announced(&lying), announced(&gzip(TEXT)), announced(b"abc")), (0xffff_ffff, TEXT.len(), 0));
        assert_eq!(decoded(answer("gzip", lying.clone()), 1024).unwrap().body, lying);
        let body = decoded(answer("gzip", gzip(TEXT)), 1 << 40).unwrap().body.capacity();
        assert!(body < 1024, "{body} bytes were reserved");
    }
}
