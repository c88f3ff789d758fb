//! `lab call`: curl with sign-in.

use std::io::{self, Read, Write};
use std::path::Path;

use hallpass_core::protocol::http::Method;
use hallpass_core::{ApiRequest, ApiResponse};

use super::account::Account;
use crate::cli::CallArguments;
use crate::exit::Exit;
use crate::failure::Failure;

/// Calls the API and copies its answer to standard output.
pub(crate) async fn call(arguments: &CallArguments) -> Result<Exit, Failure> {
    let request = request(arguments)?;
    let account = Account::of(&arguments.tenant)?.allow_origin_of(&arguments.url)?;
    let session = account.session().await?;
    let response = session.call(request).await.map_err(|error| account.explained(error))?;
    show(&response, arguments.include)
        .map_err(|error| Failure::InputOutput(format!("the answer cannot be written: {error}")))?;
    if arguments.fail && response.status >= 400 {
        anstream::eprintln!("the API answered {}", response.status);
        return Ok(Exit::CallFailed);
    }
    Ok(Exit::Done)
}

fn request(arguments: &CallArguments) -> Result<ApiRequest, Failure> {
    let default = if arguments.data.is_some() { "POST" } else { "GET" };
    let method = arguments.method.as_deref().unwrap_or(default);
    let method: Method = method.to_ascii_uppercase().parse().map_err(|error| Failure::Argument {
        what: format!("the method {method:?} cannot be used: {error}"),
        fix: "give one of these after -X".to_owned(),
    })?;
    let mut request = ApiRequest::new(method, &arguments.url);
    let mut has_type = false;
    for field in &arguments.headers {
        let (name, value) = header(field)?;
        has_type |= name.eq_ignore_ascii_case("content-type");
        request = request.header(name, value);
    }
    if let Some(data) = &arguments.data {
        if !has_type {
            request = request.header("Content-Type", "application/x-www-form-urlencoded");
        }
        request = request.body(body(data)?);
    }
    Ok(request)
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

fn show(response: &ApiResponse, include: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    if include {
        writeln!(output, "HTTP {}", response.status)?;
        for (name, value) in response.headers.iter() {
            writeln!(output, "{name}: {value}")?;
        }
        writeln!(output)?;
    }
    output.write_all(&response.body)?;
    output.flush()
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
    fn body_is_taken_as_it_is_or_from_a_file() {
        assert_eq!(body("a=1").unwrap(), b"a=1");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0, 255]).unwrap();
        assert_eq!(body(&format!("@{}", file.path().display())).unwrap(), [0, 255]);
        assert!(body("@/nowhere/at/all").unwrap_err().to_string().contains("/nowhere/at/all"));
    }
}
