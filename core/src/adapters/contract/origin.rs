//! A small HTTP server on this machine that misbehaves as it is told.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use url::Url;

use super::STEP;

/// A listening server; it and its connections end when it is dropped.
pub(super) struct Origin {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    connections: AtomicUsize,
    requests: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

/// One request as it arrived.
pub(super) struct Received {
    pub(super) request_line: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }
}

/// What becomes of a connection after an answer.
pub(super) enum Then {
    /// It serves the next request.
    Keep,
    /// It is closed.
    Close,
    /// It stays open and silent.
    Hold,
}

/// Answers a request by writing to the connection.
pub(super) trait Answer: Fn(&Received, &mut dyn Write) -> io::Result<Then> + Send + Sync + 'static {}
impl<F: Fn(&Received, &mut dyn Write) -> io::Result<Then> + Send + Sync + 'static> Answer for F {}

/// An answer that is always the same bytes.
pub(super) fn answer(bytes: impl Into<Vec<u8>>, then: fn() -> Then) -> impl Answer {
    let bytes = bytes.into();
    move |_: &Received, connection: &mut dyn Write| {
        connection.write_all(&bytes)?;
        Ok(then())
    }
}

impl Origin {
    /// Serves plain HTTP.
    pub(super) fn start(answer: impl Answer) -> Self {
        Self::serve("http", answer, Ok)
    }

    /// Serves HTTPS with the certificate.
    pub(super) fn start_tls(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>, answer: impl Answer) -> Self {
        let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).expect("it was just made");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key)
            .expect("key and certificate belong together");
        let config = Arc::new(config);
        Self::serve("https", answer, move |socket| {
            let session = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            Ok(StreamOwned::new(session, socket))
        })
    }

    /// Accepts connections and says nothing on any.
    pub(super) fn start_silent(scheme: &'static str) -> Self {
        let silent = |_: &Received, _: &mut dyn Write| Ok(Then::Hold);
        // The first byte that is read never comes, so that not even a handshake is answered.
        Self::serve(scheme, silent, |socket| Ok(Unanswered(socket)))
    }

    fn serve<S: Read + Write>(
        scheme: &'static str,
        answer: impl Answer,
        wrap: impl Fn(TcpStream) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let (answer, wrap) = (Arc::new(answer), Arc::new(wrap));
        let serving = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                if serving.stopping.load(Ordering::SeqCst) {
                    break;
                }
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (answer, wrap, shared) = (Arc::clone(&answer), Arc::clone(&wrap), Arc::clone(&serving));
                // A connection that fails does so because the client gave up, which is what many a test is about.
                std::thread::spawn(move || drop(connection(socket, &*answer, &*wrap, &shared)));
            }
        });
        Self { scheme, address, shared, accepting: Some(accepting) }
    }

    pub(super) fn url(&self, path_and_query: &str) -> Url {
        self.url_at("127.0.0.1", path_and_query)
    }

    pub(super) fn url_at(&self, host: &str, path_and_query: &str) -> Url {
        let text = format!("{}://{host}:{}{path_and_query}", self.scheme, self.address.port());
        Url::parse(&text).expect("the suites' paths are paths")
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for socket in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(socket.shutdown(Shutdown::Both));
        }
        // Wakes `accept`.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn connection<S: Read + Write>(
    socket: TcpStream,
    answer: &impl Answer,
    wrap: &impl Fn(TcpStream) -> io::Result<S>,
    shared: &Shared,
) -> io::Result<()> {
    socket.set_read_timeout(Some(STEP))?;
    socket.set_write_timeout(Some(STEP))?;
    let ours = socket.try_clone()?;
    shared.open.lock().unwrap_or_else(PoisonError::into_inner).push(socket.try_clone()?);
    let mut stream = BufReader::new(wrap(socket)?);
    loop {
        let received = read_request(&mut stream)?;
        shared.requests.fetch_add(1, Ordering::SeqCst);
        let then = answer(&received, stream.get_mut())?;
        stream.get_mut().flush()?;
        match then {
            Then::Keep => {}
            Then::Close => return ours.shutdown(Shutdown::Both),
            Then::Hold => {
                // Until the client goes away, or the test ends.
                return io::copy(&mut stream, &mut io::sink()).map(|_| ());
            }
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> io::Result<Received> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let request_line = lines.next().unwrap_or_default();
    let headers = lines
        .filter_map(|line| {
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let mut received = Received { request_line, headers, body: Vec::new() };
    let length = received.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    received.body = vec![0; length];
    stream.read_exact(&mut received.body)?;
    Ok(received)
}

/// A socket whose bytes are read and thrown away.
struct Unanswered(TcpStream);

impl Read for Unanswered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.0.read(buffer)? > 0 {}
        Ok(0)
    }
}

impl Write for Unanswered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
