//! From a request to the endpoint that it is for, and what goes wrong on the way.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Request, Response};

use super::behaviour::Reply;
use super::fault::Fault;
use super::{API, ISSUER, Server, note};

/// After so long a transport gives up, by its contract.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

impl Server {
    fn endpoint(&self, request: &Request) -> &'static str {
        let (token, keys) = self.with(|inner| (inner.behaviour.token_path, inner.behaviour.keys_path));
        match (request.url.origin().ascii_serialization().as_str(), request.url.path()) {
            (ISSUER, "/.well-known/openid-configuration") => "metadata",
            (ISSUER, path) if path == keys => "keys",
            (ISSUER, path) if path == token => "token",
            (ISSUER, "/revoke") => "revocation",
            (ISSUER, "/par") => "par",
            (ISSUER, "/device") => "device",
            (ISSUER, "/userinfo") => "userinfo",
            (API, _) => "api",
            _ => "nowhere",
        }
    }

    fn fault(&self, endpoint: &'static str) -> Option<Fault> {
        self.with(|inner| {
            if inner.is_cut_off {
                return Some(Fault::Unreachable);
            }
            let next = inner.faults.get_mut(endpoint).and_then(VecDeque::pop_front);
            next.or_else(|| inner.always.get(endpoint).cloned())
        })
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::task::yield_now().await;
        let endpoint = self.endpoint(&request);
        let says = |reply: Reply| {
            note(&mut self.inner.lock().unwrap(), endpoint, &request);
            Ok(reply.into())
        };
        match self.fault(endpoint) {
            None => Ok(self.act(endpoint, &request).into()),
            Some(Fault::Unreachable) => Err(TransportError::Unreachable),
            Some(Fault::Tls) => Err(TransportError::Tls),
            Some(Fault::RequestLost) => Err(TransportError::NoAnswer),
            Some(Fault::Hangs) => {
                note(&mut self.inner.lock().unwrap(), endpoint, &request);
                tokio::time::sleep(LONGEST_ANSWER).await;
                Err(TransportError::NoAnswer)
            }
            Some(Fault::AnswerLost) => {
                self.act(endpoint, &request);
                Err(TransportError::NoAnswer)
            }
            Some(Fault::Truncated) => {
                let mut reply = self.act(endpoint, &request);
                reply.body.truncate(20);
                Ok(reply.into())
            }
            Some(Fault::TooLarge) => {
                self.act(endpoint, &request);
                Err(TransportError::TooLarge { limit: request.max_response_bytes })
            }
            Some(Fault::Odd(odd)) => {
                let mut reply = self.act(endpoint, &request);
                odd.spoil(&mut reply);
                Ok(reply.into())
            }
            Some(Fault::Answer(status, headers, body)) => {
                let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                says(Reply { status, headers, body: body.into_bytes() })
            }
            Some(Fault::Says(reply)) => says(reply),
            Some(Fault::ActsAndSays(reply)) => {
                self.act(endpoint, &request);
                Ok(reply.into())
            }
            Some(Fault::Held) => {
                self.released.notified().await;
                Ok(self.act(endpoint, &request).into())
            }
            Some(Fault::AnswerHeld) => {
                let reply = self.act(endpoint, &request);
                self.released.notified().await;
                Ok(reply.into())
            }
        }
    }
}
