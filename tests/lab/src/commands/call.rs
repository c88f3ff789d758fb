//! `lab call`: curl with sign-in.

use std::io::{self, Read};
use std::path::Path;

use hallpass_core::protocol::http::Method;
use hallpass_core::{ApiRequest, ApiResponse, CredentialsRequest, Session};
use url::Url;

use super::account::Account;
use crate::cli::CallArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{copy, note};
use crate::watch::Manner;

/// As many as curl follows is more than an API needs.
const MAX_REDIRECTS: usize = 10;

/// What is sent, apart from where.
struct Call {
    method: Method,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// Calls the API and copies its answer to standard output.
pub(crate) async fn call(arguments: &CallArguments) -> Result<Exit, Failure> {
    let call = Call::of(arguments)?;
    let manner = match (arguments.silent, arguments.tenant.verbose) {
        (true, _) => Manner::Silent,
        (false, true) => Manner::Verbose,
        (false, false) => Manner::Usual,
    };
    let account = Account::in_manner(&arguments.tenant, manner)?;
    let url = account.address(&arguments.url);
    let account = account.allow_origin_of(&url)?;
    let session = account.session().await?;
    let wanted = account.wanted(&session).await?;
    let calling = send(&account, &session, call, url, wanted, arguments.location);
    let response = account.in_time(calling).await?;
    if arguments.fail && response.status >= 400 {
        return Err(Failure::Status(response.status));
    }
    show(&response, arguments)?;
    Ok(Exit::Done)
}

/// Sends the request and, if asked to, follows redirects: each as another call, so that the access token goes to the origins
/// that may get it and to no other.
async fn send(
    account: &Account,
    session: &Session,
    mut call: Call,
    mut url: String,
    wanted: CredentialsRequest,
    follow: bool,
) -> Result<ApiResponse, Failure> {
    for _ in 0..=MAX_REDIRECTS {
        let request = call.to(&url).credentials(wanted.clone());
        let response = session.call(request).await.map_err(|error| account.explained(error))?;
        let location = response.headers.get("location").filter(|_| follow);
        let next = match (response.status, location) {
            (301 | 302 | 303 | 307 | 308, Some(location)) => {
                Url::parse(&url).and_then(|base| base.join(location)).map_err(|_| Failure::Argument {
                    what: format!("the API redirects to {location:?}, which is no address"),
                    fix: "leave out --location to see its answer".to_owned(),
                })?
            }
            (_, _) => return Ok(response),
        };
        // RFC 9110 §15.4: what a browser makes of these.
        if response.status == 303 || (matches!(response.status, 301 | 302) && call.method == Method::Post) {
            (call.method, call.body) = (if call.method == Method::Head { Method::Head } else { Method::Get }, None);
        }
        url = next.into();
    }
    Err(Failure::Argument {
        what: format!("the API redirected more than {MAX_REDIRECTS} times"),
        fix: "leave out --location to see its answer".to_owned(),
    })
}

impl Call {
    fn of(arguments: &CallArguments) -> Result<Self, Failure> {
        let mut body = match (&arguments.data, &arguments.data_raw) {
            (Some(data), _) => Some(body(data)?),
            (None, Some(raw)) => Some(raw.as_bytes().to_vec()),
            (None, None) => None,
        };
        for part in &arguments.data_urlencode {
            let part = encoded(part)?;
            body = Some(match body {
                Some(before) => [&before, &b"&"[..], part.as_bytes()].concat(),
                None => part.into_bytes(),
            });
        }
        let default = match (arguments.head, &body) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        let method = arguments.method.as_deref().unwrap_or(default);
        let method: Method = method.to_ascii_uppercase().parse().map_err(|error| Failure::Argument {
            what: format!("the method {method:?} cannot be used: {error}"),
            fix: "give one of these after -X".to_owned(),
        })?;
        let mut headers = Vec::new();
        for field in &arguments.headers {
            let (name, value) = header(field)?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        Ok(Self { method, headers, body })
    }

    fn to(&self, url: &str) -> ApiRequest {
        let mut request = ApiRequest::new(self.method, url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
    }
}

fn header(field: &str) -> Result<(&str, &str), Failure> {
    let refuse = |what: &str, fix: &str| Failure::Argument { what: what.to_owned(), fix: fix.to_owned() };
    let (name, value) = field
        .split_once(':')
        .map(|(name, value)| (name.trim(), value.trim()))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| refuse(&format!("{field:?} is no header field"), "write it as -H \"Name: value\""))?;
    if name.eq_ignore_ascii_case("authorization") {
        return Err(refuse("the Authorization field is set by `lab call`", "leave it out"));
    }
    Ok((name, value))
}

fn body(data: &str) -> Result<Vec<u8>, Failure> {
    let Some(source) = data.strip_prefix('@') else { return Ok(data.as_bytes().to_vec()) };
    let read = if source == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(Path::new(source))
    };
    read.map_err(|error| Failure::Argument {
        what: format!("the body cannot be read from {source:?}: {error}"),
        fix: "name a file after @, or - for standard input".to_owned(),
    })
}

/// A part of a form, as curl's `--data-urlencode` reads it: what comes first of `=` and `@` says where the content is.
fn encoded(part: &str) -> Result<String, Failure> {
    let (name, content) = match part.find(['=', '@']) {
        Some(at) if part[at..].starts_with('@') => (&part[..at], body(&part[at..])?),
        Some(at) => (&part[..at], part.as_bytes()[at + 1..].to_vec()),
        None => ("", part.as_bytes().to_vec()),
    };
    let content: String = url::form_urlencoded::byte_serialize(&content).collect();
    // A space is `+` in a form; curl writes what every reader of either understands.
    let content = content.replace('+', "%20");
    Ok(if name.is_empty() { content } else { format!("{name}={content}") })
}

fn show(response: &ApiResponse, arguments: &CallArguments) -> Result<(), Failure> {
    let unwritable = |error: io::Error| Failure::InputOutput(format!("the answer cannot be written: {error}"));
    if arguments.include || arguments.head {
        let mut head = format!("HTTP {}\n", response.status);
        for (name, value) in response.headers.iter() {
            head.push_str(&format!("{name}: {value}\n"));
        }
        head.push('\n');
        copy(head.as_bytes()).map_err(unwritable)?;
    }
    match &arguments.output {
        Some(file) => {
            std::fs::write(file, &response.body).map_err(unwritable)?;
            if !arguments.silent {
                note(&format!("{} bytes written to {}", response.body.len(), file.display()));
            }
            Ok(())
        }
        None => copy(&response.body).map_err(unwritable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_field_is_split_at_its_first_colon() {
        assert_eq!(header("X-Time: 12:30").unwrap(), ("X-Time", "12:30"));
        assert_eq!(header("Empty:").unwrap(), ("Empty", ""));
        assert!(header("no colon").unwrap_err().next_step().contains("Name: value"));
        assert!(header("authorization: Bearer x").is_err());
    }

    #[test]
    fn part_of_a_form_is_encoded_as_curl_does_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a b\n").unwrap();
        let path = file.path().display();
        for (part, expected) in [
            ("a b&c", "a%20b%26c".to_owned()),
            ("=a=b", "a%3Db".to_owned()),
            ("q=Zoë @home+", "q=Zo%C3%AB%20%40home%2B".to_owned()),
            (&format!("@{path}"), "a%20b%0A".to_owned()),
            (&format!("q@{path}"), "q=a%20b%0A".to_owned()),
        ] {
            assert_eq!(encoded(part).unwrap(), expected, "{part}");
        }
    }

    #[test]
    fn body_is_taken_as_it_is_or_from_a_file() {
        assert_eq!(body("a=1").unwrap(), b"a=1");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0, 255]).unwrap();
        assert_eq!(body(&format!("@{}", file.path().display())).unwrap(), [0, 255]);
        assert!(body("@/nowhere/at/all").unwrap_err().to_string().contains("/nowhere/at/all"));
    }
}
