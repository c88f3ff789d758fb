//! The core's transport, with a look at what goes to the token endpoint: refresh tokens are shown nowhere else.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hallpass_core::adapters::Reqwest;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::http::{Request, Response};
use serde_json::Value;
use url::form_urlencoded;

/// One request to a token endpoint, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// The refresh token that was sent; `None` for a code.
    pub(crate) sent: Option<String>,
    /// The status; `None` when no answer came.
    pub(crate) status: Option<u16>,
    /// The refresh token that came back.
    pub(crate) received: Option<String>,
    /// The type of the access token that came back, as it was written.
    pub(crate) token_type: Option<String>,
}

/// Sends through `Reqwest`, and remembers the exchanges. A clone remembers the same.
#[derive(Clone)]
pub(crate) struct Wire {
    inner: Reqwest,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Wire {
    pub(crate) fn new(inner: Reqwest) -> Self {
        Self { inner, exchanges: Arc::default() }
    }

    /// All exchanges so far, in the order of their answers.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let sent = sent(request.body.as_bytes());
        let answer = self.inner.send(request).await;
        if let Some(sent) = sent {
            let exchange = exchange(&sent, answer.as_ref().ok());
            self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        }
        answer
    }
}

/// The members of a token request, in either encoding; `None` when it is none.
fn sent(body: &[u8]) -> Option<Value> {
    let members = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Value::Object(members),
        Ok(_) | Err(_) => {
            form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), Value::from(value))).collect()
        }
    };
    members.get("grant_type").is_some().then_some(members)
}

fn exchange(sent: &Value, answer: Option<&Response>) -> Exchange {
    let received = answer.map(crate::http::json).unwrap_or_default();
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    Exchange {
        sent: text(sent, "refresh_token"),
        status: answer.map(|answer| answer.status),
        received: text(&received, "refresh_token"),
        token_type: text(&received, "token_type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Response {
        Response {
            status: 200,
            headers: [("Content-Type", "application/json")].into_iter().collect(),
            body: body.into(),
        }
    }

    #[test]
    fn token_request_is_read_in_either_encoding() {
        for body in
            ["grant_type=refresh_token&refresh_token=r1", r#"{"grant_type":"refresh_token","refresh_token":"r1"}"#]
        {
            let seen = exchange(&sent(body.as_bytes()).unwrap(), Some(&answer(r#"{"refresh_token":"r2"}"#)));
            assert_eq!((seen.sent.as_deref(), seen.received.as_deref()), (Some("r1"), Some("r2")));
        }
    }

    #[test]
    fn request_to_elsewhere_is_no_exchange() {
        assert_eq!(sent(b""), None);
        assert_eq!(sent(b"token=r1&client_id=c"), None);
    }
}
