//! The head of a request, as far as a redirect needs it (RFC 9112 §3).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The most that is read of a request, in bytes. A redirect's query may have 16 KiB; browsers add a few for their fields.
const MAX_HEAD: usize = 32 * 1024;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
}

/// Why there is no request.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The connection failed or ended.
    Lost,
    /// It is no HTTP/1 request.
    Malformed,
    /// It goes on and on.
    TooLarge,
}

impl From<io::Error> for Unreadable {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

/// Reads up to the empty line. A redirect is a GET and has no content, so what may follow is left unread.
pub(super) async fn read_head(connection: &mut (impl AsyncRead + Unpin)) -> Result<Head, Unreadable> {
    let mut received = Vec::with_capacity(1024);
    loop {
        // The empty line may stand across two pieces.
        let unsearched = received.len().saturating_sub(3);
        if connection.read_buf(&mut received).await? == 0 {
            return Err(Unreadable::Lost);
        }
        if let Some(end) = received[unsearched..].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return parse(&received[..unsearched + end]).ok_or(Unreadable::Malformed);
        }
        if received.len() > MAX_HEAD {
            return Err(Unreadable::TooLarge);
        }
    }
}

fn parse(head: &[u8]) -> Option<Head> {
    let mut lines = str::from_utf8(head).ok()?.split("\r\n");
    let mut request_line = lines.next()?.split(' ');
    let (method, target, version) = (request_line.next()?, request_line.next()?, request_line.next()?);
    // A target in absolute form is for proxies, one in authority form for CONNECT.
    let origin_form = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    if request_line.next().is_some() || !matches!(version, "HTTP/1.1" | "HTTP/1.0") || !origin_form {
        return None;
    }
    let mut hosts = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, value)| value.trim_matches([' ', '\t']));
    let host = hosts.next()?;
    // More than one is an error (RFC 9112 §3.2).
    hosts.next().is_none().then(|| Head { method: method.to_owned(), target: target.to_owned(), host: host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_its_host() {
        let head = parse(b"GET /callback?code=1 HTTP/1.1\r\nAccept: */*\r\nhost:\t127.0.0.1:1 ").unwrap();
        assert_eq!(
            (head.method.as_str(), head.target.as_str(), head.host.as_str()),
            ("GET", "/callback?code=1", "127.0.0.1:1")
        );
    }

    #[test]
    fn what_is_no_request_for_this_server_is_refused() {
        for head in [
            "",
            "GET",
            "GET /",
            "GET / HTTP/1.1",
            "GET / HTTP/2\r\nHost: a",
            "GET  / HTTP/1.1\r\nHost: a",
            "GET / HTTP/1.1 x\r\nHost: a",
            "GET http://a/ HTTP/1.1\r\nHost: a",
            "GET * HTTP/1.1\r\nHost: a",
            "CONNECT a:1 HTTP/1.1\r\nHost: a",
            "GET /\u{fc} HTTP/1.1\r\nHost: a",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
            "GET / HTTP/1.1\nHost: a",
        ] {
            assert_eq!(parse(head.as_bytes()), None, "{head:?}");
        }
    }

    #[tokio::test]
    async fn a_request_in_single_bytes_is_read() {
        let (mut near, mut far) = tokio::io::duplex(1);
        let writing = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut far, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        });
        assert_eq!(read_head(&mut near).await.unwrap().host, "a");
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_without_end_is_given_up() {
        let mut endless = tokio::io::repeat(b'x');
        assert!(matches!(read_head(&mut endless).await, Err(Unreadable::TooLarge)));
        assert!(matches!(read_head(&mut &b"GET / HTTP/1.1\r\n"[..]).await, Err(Unreadable::Lost)));
    }
}
