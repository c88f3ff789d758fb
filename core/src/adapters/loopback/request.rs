//! A request, as far as a redirect needs it (RFC 9112 §3): its head and, where the redirect is posted, its form.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The most that is read of a request, in bytes. A redirect's query may have 16 KiB; browsers add a few for their fields.
const MAX_HEAD: usize = 32 * 1024;

/// The longest form that is read, in bytes: what a redirect's query may have.
const MAX_FORM: usize = 16 * 1024;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    /// The length of the form that follows, in bytes, if one does.
    form: Option<usize>,
}

/// A request that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    /// The form that was posted, still encoded.
    pub(super) form: Option<String>,
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

/// Reads a request. A redirect is a GET without content, or a form that the server's page posts
/// (`response_mode=form_post`); other content is left unread.
pub(super) async fn read(connection: &mut (impl AsyncRead + Unpin)) -> Result<Incoming, Unreadable> {
    let (head, mut content) = read_head(connection).await?;
    let form = match head.form {
        Some(length) if length > MAX_FORM => return Err(Unreadable::TooLarge),
        Some(length) => {
            while content.len() < length {
                if connection.read_buf(&mut content).await? == 0 {
                    return Err(Unreadable::Lost);
                }
            }
            content.truncate(length);
            let text = String::from_utf8(content).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
            Some(text.ok_or(Unreadable::Malformed)?)
        }
        None => None,
    };
    let Head { method, target, host, form: _ } = head;
    Ok(Incoming { method, target, host, form })
}

/// Reads up to the empty line, and returns what came after it as well.
async fn read_head(connection: &mut (impl AsyncRead + Unpin)) -> Result<(Head, Vec<u8>), Unreadable> {
    let mut received = Vec::with_capacity(1024);
    loop {
        // The empty line may stand across two pieces.
        let unsearched = received.len().saturating_sub(3);
        if connection.read_buf(&mut received).await? == 0 {
            return Err(Unreadable::Lost);
        }
        if let Some(end) = received[unsearched..].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = parse(&received[..unsearched + end]).ok_or(Unreadable::Malformed)?;
            return Ok((head, received.split_off(unsearched + end + 4)));
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
    let (mut host, mut length, mut is_form) = (None, None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("host") {
            if host.replace(value.to_owned()).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case("content-length") {
            if length.replace(value.parse().ok()?).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case("content-type") {
            let media_type = value.split(';').next().unwrap_or_default().trim();
            is_form = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        }
    }
    let form = length.filter(|_| method == "POST" && is_form);
    Some(Head { method: method.to_owned(), target: target.to_owned(), host: host?, form })
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
    async fn a_form_is_read_to_its_length_and_other_content_is_not() {
        let post = |fields: &str, content: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{content}");
        let form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: ";
        let form_of = async |request: String| read(&mut request.as_bytes()).await.map(|request| request.form);
        assert_eq!(form_of(post(&format!("{form}3"), "a=1&more")).await.unwrap().as_deref(), Some("a=1"));
        assert_eq!(form_of(post("Content-Type: text/plain\r\nContent-Length: 3", "a=1")).await.unwrap(), None);
        assert!(matches!(form_of(post(&format!("{form}16385"), "")).await, Err(Unreadable::TooLarge)));
        assert!(matches!(form_of(post(&format!("{form}9"), "a=1")).await, Err(Unreadable::Lost)));
        assert!(matches!(form_of(post(&format!("{form}3"), "a 1")).await, Err(Unreadable::Malformed)));
        assert!(matches!(form_of(post(&format!("{form}-3"), "a=1")).await, Err(Unreadable::Malformed)));
    }

    #[tokio::test]
    async fn a_request_in_single_bytes_is_read() {
        let (mut near, mut far) = tokio::io::duplex(1);
        let writing = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut far, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        });
        assert_eq!(read(&mut near).await.unwrap().host, "a");
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_without_end_is_given_up() {
        let mut endless = tokio::io::repeat(b'x');
        assert!(matches!(read(&mut endless).await, Err(Unreadable::TooLarge)));
        assert!(matches!(read(&mut &b"GET / HTTP/1.1\r\n"[..]).await, Err(Unreadable::Lost)));
    }
}
