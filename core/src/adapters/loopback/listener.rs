//! The sockets on which the redirect arrives.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hallpass_protocol::client::RedirectUri;
use tokio::net::{TcpListener, TcpStream};
use url::Host;

use crate::ports::BrowserError;

/// One socket for an address, two for the name `localhost`, which browsers look up as they like.
pub(super) struct Listeners {
    one: TcpListener,
    other: Option<TcpListener>,
}

/// How often to look for a port that is free on both addresses.
const ATTEMPTS: usize = 16;

/// Listens where `configured` says, on a free port unless it names one, and returns it with the port.
pub(super) fn bind(configured: &RedirectUri) -> Result<(Listeners, RedirectUri), BrowserError> {
    const NOT_LOOPBACK: BrowserError =
        BrowserError::Failed("the redirect URI is not one of http on this machine (RFC 8252, section 7.3)");
    if !configured.is_loopback() {
        return Err(NOT_LOOPBACK);
    }
    let named = configured.url().port().filter(|port| *port != 0);
    let port = named.unwrap_or(0);
    let bound = match configured.url().host() {
        Some(Host::Ipv4(address)) if address.is_loopback() => Listeners::at(address.into(), port),
        Some(Host::Ipv6(address)) if address.is_loopback() => Listeners::at(address.into(), port),
        Some(Host::Domain(name)) if name.eq_ignore_ascii_case("localhost") => Listeners::at_localhost(port),
        Some(Host::Ipv4(_) | Host::Ipv6(_) | Host::Domain(_)) | None => return Err(NOT_LOOPBACK),
    };
    let (listeners, port) = bound.map_err(|error| {
        BrowserError::Failed(if error.kind() == io::ErrorKind::AddrInUse && named.is_some() {
            "another program listens on the redirect URI's port"
        } else {
            "this machine's loopback address cannot be listened on"
        })
    })?;
    let redirect_uri = configured.with_port(port).map_err(|_| NOT_LOOPBACK)?;
    Ok((listeners, redirect_uri))
}

impl Listeners {
    fn at(address: IpAddr, port: u16) -> io::Result<(Self, u16)> {
        let one = listen(address, port)?;
        let port = one.local_addr()?.port();
        Ok((Self { one, other: None }, port))
    }

    /// The same port on both addresses: on one alone, another user's program could take the other and with it the code.
    /// A machine without one of the two families is content with the other.
    fn at_localhost(port: u16) -> io::Result<(Self, u16)> {
        const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
        for _ in 0..ATTEMPTS {
            let one = match listen(V4, port) {
                Err(error) if is_absent(&error) => return Self::at(V6, port),
                bound => bound?,
            };
            let chosen = one.local_addr()?.port();
            match listen(V6, chosen) {
                Ok(other) => return Ok((Self { one, other: Some(other) }, chosen)),
                Err(error) if is_absent(&error) => return Ok((Self { one, other: None }, chosen)),
                Err(error) if port != 0 => return Err(error),
                Err(_) => {}
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        let accepted = match &self.other {
            None => self.one.accept().await,
            Some(other) => tokio::select! {
                accepted = self.one.accept() => accepted,
                accepted = other.accept() => accepted,
            },
        };
        accepted.map(|(socket, _)| socket)
    }
}

fn listen(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let socket = std::net::TcpListener::bind(SocketAddr::new(address, port))?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Whether the machine has no such address, as one without IPv6 has no `::1`.
fn is_absent(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::AddrNotAvailable || kind == io::ErrorKind::Unsupported || kind == io::ErrorKind::NetworkDown
}
