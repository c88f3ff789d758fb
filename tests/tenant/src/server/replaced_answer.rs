//! The answers of faults that replace the real one.

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{LOCATION, RETRY_AFTER},
    },
    response::Response,
};
use serde_json::json;

use crate::{answer, clock::Timestamp, faults::FaultKind, settings::RetryAfter};

/// The answer that this fault puts in place of the real one; `None` for a fault that needs the real one or none at all.
pub(super) fn replaced_answer(kind: &FaultKind, issuer: &str, now: Timestamp) -> Option<Response> {
    let response = match kind {
        FaultKind::TooManyRequests { seconds, retry_after } => too_many_requests(*seconds, *retry_after, now),
        FaultKind::InternalServerError => {
            answer::with_body(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "Internal Server Error")
        }
        FaultKind::ServiceUnavailable { seconds, retry_after } => {
            let mut response = answer::with_body(
                StatusCode::SERVICE_UNAVAILABLE,
                "text/html; charset=utf-8",
                "<h1>503 Service Unavailable</h1>",
            );
            set_retry_after(response.headers_mut(), *seconds, *retry_after, now);
            response
        }
        FaultKind::HtmlBody => answer::with_body(
            StatusCode::OK,
            "text/html; charset=utf-8",
            "<!doctype html><title>Welcome</title><h1>Welcome to our Wi-Fi</h1><p>Accept the terms to go online.</p>",
        ),
        FaultKind::EmptyBody => answer::with_body(StatusCode::OK, "application/json", ""),
        FaultKind::OversizedBody { bytes } => {
            let body = format!("{{\"padding\":\"{}\"}}", "a".repeat(*bytes));
            answer::with_body(StatusCode::OK, "application/json", body)
        }
        FaultKind::DeepJson { depth } => {
            let body = format!("{{\"deep\":{}{}}}", "[".repeat(*depth), "]".repeat(*depth));
            answer::with_body(StatusCode::OK, "application/json", body)
        }
        FaultKind::Unauthorized => answer::json(
            StatusCode::UNAUTHORIZED,
            &json!({ "error": "access_denied", "error_description": "Unauthorized" }),
        ),
        FaultKind::UnknownError { status } => answer::json(
            status_or(*status, StatusCode::BAD_REQUEST),
            &json!({ "error": "flux_capacitor_drained", "error_description": "1.21 gigawatts are missing" }),
        ),
        FaultKind::Redirect { status, location } => {
            let mut response = answer::empty(status_or(*status, StatusCode::TEMPORARY_REDIRECT));
            let location = location.clone().unwrap_or_else(|| format!("{issuer}redirected"));
            insert(response.headers_mut(), LOCATION, &location);
            response
        }
        FaultKind::Answer { status, headers, body } => {
            let mut response = answer::empty(status_or(*status, StatusCode::OK));
            for (name, value) in headers {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    insert(response.headers_mut(), name, value);
                }
            }
            response.map(|_| body.clone().into())
        }
        FaultKind::LostRequest
        | FaultKind::LostAnswer
        | FaultKind::BrokenOffAnswer
        | FaultKind::Delay { .. }
        | FaultKind::DelayedAnswer { .. }
        | FaultKind::TruncatedJson
        | FaultKind::WrongClock { .. }
        | FaultKind::WrongIssuer { .. }
        | FaultKind::PatchedIdToken { .. }
        | FaultKind::PatchedJson { .. }
        | FaultKind::OddBody { .. } => return None,
    };
    Some(response)
}

/// Auth0's 429.
pub(super) fn too_many_requests(seconds: u64, retry_after: RetryAfter, now: Timestamp) -> Response {
    let mut response = answer::json(
        StatusCode::TOO_MANY_REQUESTS,
        &json!({ "error": "too_many_requests", "error_description": "Global limit has been reached" }),
    );
    let reset = later(now, seconds).seconds_rounded_up().to_string();
    for (name, value) in [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)] {
        insert(response.headers_mut(), HeaderName::from_static(name), value);
    }
    set_retry_after(response.headers_mut(), seconds, retry_after, now);
    response
}

fn set_retry_after(headers: &mut HeaderMap, seconds: u64, form: RetryAfter, now: Timestamp) {
    match form {
        RetryAfter::Absent => {}
        RetryAfter::Seconds => insert(headers, RETRY_AFTER, &seconds.to_string()),
        // An HTTP-date has whole seconds: rounded up, or the client may come too early.
        RetryAfter::HttpDate => {
            let at = Timestamp::from_milliseconds(later(now, seconds).seconds_rounded_up() * 1_000);
            insert(headers, RETRY_AFTER, &httpdate::fmt_http_date(at.as_system_time()));
        }
    }
}

fn later(now: Timestamp, seconds: u64) -> Timestamp {
    now.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn status_or(status: u16, otherwise: StatusCode) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(otherwise)
}
