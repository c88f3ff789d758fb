//! Any HTTP answer to a renewal.

use std::time::Duration;

use hallpass_core::protocol::http::{Headers, Response};
use hallpass_core::{Error, MinTtl, State};
use serde_json::Value;

use super::device::Device;
use super::stored_record::framed;

/// Somebody who signed in two hours ago, for one hour.
const RECORD: &str = concat!(
    r#"{"lineage":"00112233445566aa","revision":7,"writer":"8899aabbccddeeff","content":{"signed_in":{"identity":"#,
    r#""{\"iss\":\"https://issuer.example/\",\"sub\":\"ada\",\"aud\":\"client-1\",\"iat\":1767225600,\"exp\":1767229200}","#,
    r#""id_token":"stored.id.token","refresh":{"token":"stored-refresh-token","received":{"wall":1767225600000,"#,
    r#""elapsed":{"secs":1000,"nanos":0}},"reusable":false,"attempt":null},"grants":[{"key":{"audience":null,"#,
    r#""scope":null},"access_token":"stored-access-token","scope":"openid","received":{"wall":1767225600000,"#,
    r#""elapsed":{"secs":1000,"nanos":0}},"lifetime":{"secs":3600,"nanos":0}}]}}}"#,
);

/// An hour, and the jitter of a quarter.
const LONGEST_WAIT: Duration = Duration::from_secs(75 * 60);

/// Only `invalid_grant` signs out, whatever else the server says; credentials are those that the server sent; and every
/// caller gets an answer.
///
/// The input is the status (three digits), header fields a line each, an empty line, and the body.
pub(crate) fn run(data: &[u8]) {
    let Some((status, headers, body)) = taken_apart(data) else { return };
    let device = Device::holding(&framed(RECORD));
    let answered = body.to_vec();
    let session = device.session(Box::new(move |_| {
        let headers: Headers = headers.iter().cloned().collect();
        Some(Response { status, headers, body: answered.clone() })
    }));

    let outcome = device.runtime.block_on(async {
        // The time is paused: however long the engine waits, it takes no time here.
        tokio::time::timeout(Duration::from_secs(7 * 24 * 3600), session.credentials(MinTtl::seconds(60))).await
    });

    let outcome = outcome.expect("a caller got no answer for a week");
    assert!(!matches!(session.state(), State::Restoring { .. }));
    if let State::SignedOut { reason } = session.state() {
        // What a server says with a 408 or 5xx is no word about the token: nobody knows how far it had come.
        let is_word = (200..300).contains(&status) || (400..500).contains(&status) && status != 408;
        assert!(is_word && says(&read(body), "invalid_grant"), "signed out by {status}: {reason}");
    }
    match outcome {
        Ok(credentials) => {
            assert!((200..300).contains(&status), "credentials from a {status}");
            assert!(says(&read(body), credentials.access_token().expose()), "an access token that nobody sent");
        }
        Err(Error::Offline { retry_after: Some(wait), .. }) => assert!(wait <= LONGEST_WAIT, "{wait:?}"),
        Err(error) => assert!(!error.to_string().contains(['\n', '\u{1b}'])),
    }
}

/// The body as leniently as anybody may read it: JSON in whatever encoding, or a form. Compressed content is not looked into.
fn read(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text).unwrap_or_else(|_| {
        url::form_urlencoded::parse(text.as_bytes()).map(|(_, value)| Value::from(value.into_owned())).collect()
    })
}

/// Whether some value in it is the text `wanted`, however deep.
fn says(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(values) => values.iter().any(|value| says(value, wanted)),
        Value::Object(members) => members.values().any(|value| says(value, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

type Fields = Vec<(String, String)>;

fn taken_apart(data: &[u8]) -> Option<(u16, Fields, &[u8])> {
    let (head, body) = data.split_at(data.windows(2).position(|two| two == b"\n\n")?);
    let mut lines = std::str::from_utf8(head).ok()?.lines();
    let status = lines.next()?.parse().ok().filter(|status| (100..600).contains(status))?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    Some((status, fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(), &body[2..]))
}
