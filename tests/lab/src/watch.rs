//! What goes over the network while a command runs: for `--verbose`, for the hint that a server lets one wait, and for a
//! failure that names the server and repeats its own words.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hallpass_core::ports::{Transport, TransportError};
use hallpass_core::protocol::error::ServerError;
use hallpass_core::protocol::http::{Request, Response};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::terminal::{in_one_line, note};

/// After how long a server that has not answered is named.
const SILENCE: Duration = Duration::from_secs(4);

/// The longest text of a server's that is repeated, in characters.
const LONGEST_WORDS: usize = 300;

/// What a command has seen of the network. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    manner: Manner,
    seen: Arc<Mutex<Seen>>,
}

/// How much a command says of what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Manner {
    /// Nothing but the result and failures.
    Silent,
    /// A hint where something takes long.
    #[default]
    Usual,
    /// Each request and each answer.
    Verbose,
}

#[derive(Debug, Default)]
struct Seen {
    /// How often a request was sent, by its method and URL.
    attempts: BTreeMap<String, u32>,
    last: Option<Place>,
    words: Option<Words>,
}

/// Where a request went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    method: String,
    /// Without its query, in which a login may have secrets.
    url: String,
}

/// What a server said when it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Its code, as it wrote it.
    pub code: Option<String>,
    /// What it says to a developer.
    pub description: Option<String>,
}

impl Watch {
    pub(crate) fn new(manner: Manner) -> Self {
        Self { manner, seen: Arc::default() }
    }

    pub(crate) fn manner(&self) -> Manner {
        self.manner
    }

    /// Where the last request went.
    pub(crate) fn last(&self) -> Option<Place> {
        self.seen().last.clone()
    }

    /// What a server said last when it refused.
    pub(crate) fn words(&self) -> Option<Words> {
        self.seen().words.clone()
    }

    /// Notes what a callback says.
    pub(crate) fn came_back(&self, callback: &str) {
        if let Some(words) = Url::parse(callback).ok().as_ref().and_then(Words::of_callback) {
            self.seen().words = Some(words);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sends(&self, place: &Place) {
        let mut seen = self.seen();
        let attempts = seen.attempts.entry(place.to_string()).or_default();
        *attempts += 1;
        if self.manner == Manner::Verbose {
            let again = if *attempts > 1 { format!(" (attempt {attempts})") } else { String::new() };
            note(&format!("> {place}{again}"));
        }
        seen.last = Some(place.clone());
    }

    fn ends(&self, place: &Place, took: Duration, outcome: &Result<Response, TransportError>) {
        if self.manner == Manner::Verbose {
            let took = took.as_millis();
            match outcome {
                Ok(response) => note(&format!("< {} in {took} ms, {} bytes", response.status, response.body.len())),
                Err(error) => note(&format!("< {error}, after {took} ms: {place}")),
            }
        }
        if let Ok(response) = outcome
            && let Some(words) = Words::of_response(response)
        {
            self.seen().words = Some(words);
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method, self.url)
    }
}

impl Place {
    pub(crate) fn of(request: &Request) -> Self {
        let mut url = request.url.clone();
        url.set_query(None);
        Self { method: request.method.as_str().to_owned(), url: url.into() }
    }
}

impl Words {
    fn of_response(response: &Response) -> Option<Self> {
        let code = match serde_json::from_slice::<Value>(&response.body) {
            Ok(body) => body.get("error").and_then(Value::as_str).map(str::to_owned),
            Err(_) => None,
        };
        if response.status < 400 && code.is_none() {
            return None;
        }
        let words = ServerError::of_response(response).words;
        Self::new(code, words.description().map(str::to_owned))
    }

    fn of_callback(callback: &Url) -> Option<Self> {
        let parameters: BTreeMap<String, String> =
            form_urlencoded::parse(callback.query()?.as_bytes()).into_owned().collect();
        let code = parameters.get("error").filter(|code| !code.is_empty()).cloned()?;
        Self::new(Some(code), parameters.get("error_description").cloned())
    }

    fn new(code: Option<String>, description: Option<String>) -> Option<Self> {
        let short = |text: String| in_one_line(&text.chars().take(LONGEST_WORDS).collect::<String>());
        let words = Self { code: code.map(short), description: description.map(short) };
        (words.code.is_some() || words.description.is_some()).then_some(words)
    }

    /// Whether one of them has `text` in it, whatever its case.
    pub(crate) fn mention(&self, text: &str) -> bool {
        [&self.code, &self.description].into_iter().flatten().any(|words| words.to_ascii_lowercase().contains(text))
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.code, &self.description) {
            (Some(code), Some(description)) => write!(formatter, "{code}, \"{description}\""),
            (Some(words), None) => formatter.write_str(words),
            (None, Some(words)) => write!(formatter, "\"{words}\""),
            (None, None) => Ok(()),
        }
    }
}

/// A transport that is watched.
pub(crate) struct Watched<T> {
    pub(crate) inner: T,
    pub(crate) watch: Watch,
}

#[async_trait]
impl<T: Transport> Transport for Watched<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (place, start) = (Place::of(&request), Instant::now());
        self.watch.sends(&place);
        let mut answer = self.inner.send(request);
        let outcome = loop {
            match tokio::time::timeout(SILENCE, &mut answer).await {
                Ok(outcome) => break outcome,
                Err(_) if self.watch.manner == Manner::Silent => {}
                Err(_) => {
                    note(&format!("No answer yet after {} s: {place}", start.elapsed().as_secs()));
                }
            }
        };
        self.watch.ends(&place, start.elapsed(), &outcome);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use hallpass_core::protocol::http::Headers;

    use super::*;

    fn words(status: u16, body: &str) -> Option<String> {
        let headers = Headers::from_iter([("content-type", "application/json")]);
        let response = Response { status, headers, body: body.as_bytes().to_vec() };
        Words::of_response(&response).map(|words| words.to_string())
    }

    #[test]
    fn servers_words_are_repeated_in_one_line_and_harmless() {
        let par = r#"{"error":"invalid_request","error_description":"Pushed Authorization Request must be used"}"#;
        let expected = r#"invalid_request, "Pushed Authorization Request must be used""#;
        assert_eq!(words(400, par).as_deref(), Some(expected));
        assert_eq!(words(200, r#"{"error":"bad_refresh_token"}"#).as_deref(), Some("bad_refresh_token"));
        assert_eq!(words(200, r#"{"access_token":"secret"}"#), None);
        assert_eq!(words(502, "<html>"), None);
        let hostile = words(400, "{\"error\":\"\\u001b[2J\\n\",\"error_description\":\"\\u202e\"}").unwrap();
        assert!(hostile.chars().all(|character| character.is_ascii_graphic() || character == ' '), "{hostile}");
    }

    #[test]
    fn words_of_a_callback_are_those_of_its_query() {
        let watch = Watch::default();
        watch.came_back("http://127.0.0.1/callback?error=access_denied&error_description=Service+not+found&state=x");
        let words = watch.words().unwrap();
        assert_eq!(words.to_string(), "access_denied, \"Service not found\"");
        assert!(words.mention("service not found"));
        watch.came_back("http://127.0.0.1/callback?code=secret&state=x");
        assert_eq!(watch.words(), Some(words));
    }

    #[test]
    fn place_has_no_query() {
        let request = Request {
            method: hallpass_core::protocol::http::Method::Get,
            url: Url::parse("https://issuer.example/authorize?state=secret").unwrap(),
            headers: Headers::default(),
            body: String::new().into(),
            max_response_bytes: 1,
        };
        assert_eq!(Place::of(&request).to_string(), "GET https://issuer.example/authorize");
    }
}
