//! One HTTP/1.1 request on a connection of its own.

use axum::{
    body::{Body, to_bytes},
    http::{
        HeaderMap, Request,
        header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE, USER_AGENT},
    },
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Position, Url};

use super::BrowserError;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) set_cookies: Vec<String>,
    pub(super) body: String,
}

/// GET, or POST when there is a form.
pub(super) async fn exchange(url: &Url, cookies: &str, form: Option<String>) -> Result<Answer, BrowserError> {
    let not_http = || BrowserError::Address(url.to_string());
    let host = url.host_str().filter(|_| url.scheme() == "http").ok_or_else(not_http)?;
    let port = url.port_or_known_default().ok_or_else(not_http)?;
    let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
    let mut request = Request::builder()
        .method(if form.is_some() { "POST" } else { "GET" })
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &authority)
        .header(USER_AGENT, "scripted browser");
    if !cookies.is_empty() {
        request = request.header(COOKIE, cookies);
    }
    if form.is_some() {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let request = request.body(Body::from(form.unwrap_or_default())).map_err(|_| not_http())?;

    let no_answer =
        |error: &dyn std::error::Error| BrowserError::NoAnswer { host: authority.clone(), reason: error.to_string() };
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(|error| no_answer(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| no_answer(&error))?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| no_answer(&error))?;
    let (parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.map_err(|error| no_answer(&error))?;
    Ok(Answer {
        status: parts.status.as_u16(),
        location: values(&parts.headers, LOCATION.as_str()).into_iter().next(),
        set_cookies: values(&parts.headers, SET_COOKIE.as_str()),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
}
