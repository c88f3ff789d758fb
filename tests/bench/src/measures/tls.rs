//! What a renewal saves on a new connection when the TLS session of the last one is resumed.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use hallpass_core::adapters::Reqwest;
use hallpass_core::ports::Transport;
use hallpass_protocol::http::{Body, Headers, Method, Request};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustix::time::{ClockId, clock_gettime};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use url::Url;

use super::one_thread;
use crate::mill::receive;
use crate::report::measured;
use crate::rounds::{Contender, Plan, compare};

pub(super) fn take() -> Result<()> {
    let chain = Chain::make()?;
    let server = Server::start(&chain)?;
    let pem = chain.trusted;
    let runtime = one_thread()?;
    let transport = || Reqwest::builder().extra_root(pem.clone()).build();
    let known = transport()?;
    let request = |transport: &Reqwest| -> Duration {
        runtime.block_on(async {
            let started = processor_time();
            transport.send(server.request()).await.expect("the server answers");
            processor_time().saturating_sub(started)
        })
    };
    // It learns the session to resume.
    request(&known);
    let mut made: Vec<Reqwest> = Vec::new();
    let timings = compare(
        Plan::ONE_BY_ONE,
        vec![
            Contender::timed("full", |_| {
                // To make one reads the authorities of the system, which is none of a handshake's time.
                made.push(transport().expect("it was made before"));
                made.last().map(&request).unwrap_or_default()
            }),
            Contender::timed("resumed", |_| request(&known)),
        ],
    );
    let [full, resumed] = server.seen.bytes();
    ensure!(full > 0.0 && resumed > 0.0, "both kinds of handshake have to be seen");
    measured("tls.resumed.cpu.ratio", timings[1].ratio);
    measured("tls.resumed.bytes.ratio", resumed / full);
    measured("tls.full.bytes", full);
    Ok(())
}

/// Certificates as an authorization server in the public web has them: its own with two timestamps of transparency logs
/// (RFC 6962 §3.3), an authority's, and that of the authority's authority, signed by one that devices know.
struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    key: KeyPair,
    /// In PEM.
    trusted: String,
}

impl Chain {
    fn make() -> Result<Self> {
        let (known, known_key) = (authority("Known Root"), KeyPair::generate()?);
        let trusted = known.self_signed(&known_key)?.pem();
        let (root, root_key) = (authority("Younger Root"), KeyPair::generate()?);
        let (middle, middle_key) = (authority("Issuing Authority 1"), KeyPair::generate()?);
        let key = KeyPair::generate()?;
        let mut own =
            CertificateParams::new(["localhost", "*.eu.auth0.example", "eu.auth0.example"].map(str::to_owned))?;
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        own.custom_extensions
            .push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2], timestamps()));
        own.use_authority_key_identifier_extension = true;
        let certificates = vec![
            own.signed_by(&key, &Issuer::from_params(&middle, &middle_key))?.into(),
            middle.signed_by(&middle_key, &Issuer::from_params(&root, &root_key))?.into(),
            root.signed_by(&root_key, &Issuer::from_params(&known, &known_key))?.into(),
        ];
        Ok(Self { certificates, key, trusted })
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CountryName, "US");
    authority.distinguished_name.push(DnType::OrganizationName, "Example Trust Services");
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.use_authority_key_identifier_extension = true;
    authority
}

/// An octet string of two timestamps, as long as they are; nobody here verifies them.
fn timestamps() -> Vec<u8> {
    [&[0x04, 0x81, 0xf0][..], &[0xa5; 0xf0]].concat()
}

/// What this thread has computed so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A server that closes each connection after one answer, as one does whose idle connections time out.
struct Server {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    full: Kind,
    resumed: Kind,
}

/// Connections of one kind, and the bytes of both directions on all of them.
#[derive(Default)]
struct Kind {
    connections: AtomicUsize,
    bytes: AtomicUsize,
}

impl Seen {
    /// Bytes a connection: of full handshakes and of resumed ones.
    fn bytes(&self) -> [f64; 2] {
        [&self.full, &self.resumed].map(|kind| {
            let of = |count: &AtomicUsize| f64::from(u32::try_from(count.load(Ordering::SeqCst)).unwrap_or(u32::MAX));
            of(&kind.bytes) / of(&kind.connections).max(1.0)
        })
    }
}

impl Server {
    fn start(chain: &Chain) -> Result<Self> {
        let key = PrivateKeyDer::try_from(chain.key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain.certificates.clone(), key)?;
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, seen) = (listener.local_addr()?.port(), Arc::new(Seen::default()));
        let noting = Arc::clone(&seen);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&noting));
                thread::spawn(move || drop(serve(socket, config, &seen)));
            }
        });
        Ok(Self { port, seen })
    }

    fn request(&self) -> Request {
        Request {
            method: Method::Get,
            url: Url::parse(&format!("https://localhost:{}/", self.port)).expect("a port makes no difference"),
            headers: Headers::new(),
            body: Body::empty(),
            max_response_bytes: 1_024,
        }
    }
}

fn serve(socket: TcpStream, config: Arc<ServerConfig>, seen: &Seen) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, Counted { socket, bytes: 0 });
    receive(&mut BufReader::new(&mut stream))?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")?;
    stream.flush()?;
    let kind = match stream.conn.handshake_kind() {
        Some(HandshakeKind::Resumed) => &seen.resumed,
        Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None => &seen.full,
    };
    kind.connections.fetch_add(1, Ordering::SeqCst);
    kind.bytes.fetch_add(stream.sock.bytes, Ordering::SeqCst);
    Ok(())
}

/// A socket, and how much went through it.
struct Counted {
    socket: TcpStream,
    bytes: usize,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.bytes += count;
        Ok(count)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.socket.write(bytes)?;
        self.bytes += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
