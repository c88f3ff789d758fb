//! A [`Provider`] on a port of this machine, for contenders that speak HTTP. It does as little as a server can, so that
//! what is measured is the client: a thread a connection, which stays open.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::provider::{Answer, Provider};

/// The listening server. It ends with the process.
pub struct Mill {
    provider: Arc<Provider>,
    issuer: String,
}

impl Mill {
    /// Listens on a free port of 127.0.0.1; each answer takes `delay`.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start(delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let issuer = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let provider = Provider::new(&issuer);
        let serving = Arc::clone(&provider);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let provider = Arc::clone(&serving);
                // A client that goes away in the middle is its own affair.
                thread::spawn(move || drop(serve(&connection, &provider, delay)));
            }
        });
        Ok(Self { provider, issuer })
    }

    /// Its issuer, without a slash at the end.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What answers.
    #[must_use]
    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }
}

/// Serves requests until the client closes the connection.
fn serve(connection: &TcpStream, provider: &Provider, delay: Duration) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection);
    let mut writer = connection;
    while let Some(Received { path, body }) = receive(&mut reader)? {
        let Answer { status, body } = provider.answer(&path, &body);
        thread::sleep(delay);
        let head = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
    Ok(())
}

/// A request, as far as anybody cares.
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

/// The next request; `None` when the client has closed the connection.
pub(crate) fn receive(reader: &mut impl BufRead) -> io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or_default();
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received { path, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_on_one_connection_are_read_one_after_the_other() {
        let mut bytes: &[u8] =
            b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=bGET /keys HTTP/1.1\r\n\r\n";
        let first = receive(&mut bytes).unwrap().unwrap();
        assert_eq!((first.path.as_str(), first.body.as_slice()), ("/token", b"a=b".as_slice()));
        assert_eq!(receive(&mut bytes).unwrap().unwrap().path, "/keys");
        assert!(receive(&mut bytes).unwrap().is_none());
    }

    #[test]
    fn an_answer_on_the_wire_is_the_providers() {
        let mill = Mill::start(Duration::ZERO).unwrap();
        let mut connection = TcpStream::connect(mill.issuer().trim_start_matches("http://")).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        connection.write_all(b"GET /keys HTTP/1.1\r\n\r\n").unwrap();
        let mut head = String::new();
        BufReader::new(&connection).read_line(&mut head).unwrap();
        assert_eq!(head, "HTTP/1.1 200 Answer\r\n");
        assert_eq!(mill.provider().requests_to("/keys"), 1);
    }
}
