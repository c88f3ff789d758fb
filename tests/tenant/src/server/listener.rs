//! Sockets. `axum::serve` always answers; here a connection can also be dropped without an answer.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use axum::{body::Body, http::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::pipeline::{NoAnswer, Pipeline};

/// How many free ports to try until one is free on both loopback addresses.
const ATTEMPTS: usize = 16;

/// One port, on 127.0.0.1 and, where there is IPv6, on ::1.
pub(crate) struct Bound {
    listeners: Vec<TcpListener>,
    port: u16,
}

impl Bound {
    /// Binds this port, or a free one when it is 0.
    pub(crate) async fn bind(port: u16) -> io::Result<Self> {
        let attempts = if port == 0 { ATTEMPTS } else { 1 };
        let mut in_use = None;
        for _ in 0..attempts {
            let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port = v4.local_addr()?.port();
            match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                Ok(v6) => return Ok(Self { listeners: vec![v4, v6], port }),
                // `localhost` would reach whoever has it.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => in_use = Some(error),
                Err(_no_ipv6) => return Ok(Self { listeners: vec![v4], port }),
            }
        }
        Err(in_use.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

/// Accepts and answers until `stop` is set or its sender is gone; then closes every connection.
pub(crate) async fn serve(bound: Bound, pipeline: Arc<Pipeline>, stop: watch::Receiver<bool>) {
    let mut accepting = JoinSet::new();
    for listener in bound.listeners {
        accepting.spawn(accept(listener, Arc::clone(&pipeline), stop.clone()));
    }
    while accepting.join_next().await.is_some() {}
}

async fn accept(listener: TcpListener, pipeline: Arc<Pipeline>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failed accept is a client that went away, or a lack of descriptors that passes.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&pipeline)));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, pipeline: Arc<Pipeline>) {
    // Small answers must not wait for the acknowledgement of the header.
    let _best_effort = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| answer(request, Arc::clone(&pipeline)));
    // An error is a client that went away or broke HTTP, or a fault that dropped the connection.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Works on a task of its own: a client that goes away does not cancel what it asked for.
async fn answer(request: Request<Incoming>, pipeline: Arc<Pipeline>) -> Result<Response, NoAnswer> {
    let work = tokio::spawn(async move { pipeline.answer(request.map(Body::new)).await });
    match work.await {
        Ok(answer) => answer,
        Err(_panicked) => Err(NoAnswer),
    }
}
