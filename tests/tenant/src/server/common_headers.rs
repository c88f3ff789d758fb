//! Headers that answers have whoever gave them: the date, the rate limit, and what browsers need.

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, Method,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_TYPE, DATE,
            VARY,
        },
    },
    response::Response,
};

use crate::{clock::Timestamp, endpoint::Endpoint, rate_limit::Allowance};

/// Pages load nothing but their own style sheet and script, and nobody may frame them (RFC 9700 §4.16). `form-action` is
/// left open: browsers apply it to the redirect that follows a form, which goes to the app.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// The date by the tenant's clock; hyper adds its own only where there is none.
pub(super) fn date(response: &mut Response, now: Timestamp) {
    let date = httpdate::fmt_http_date(now.as_system_time());
    set(response, DATE, &date);
}

/// What every page needs, and no other answer minds.
pub(super) fn page_protection(response: &mut Response) {
    let html = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if html {
        set(response, HeaderName::from_static("content-security-policy"), CONTENT_SECURITY_POLICY);
        set(response, HeaderName::from_static("referrer-policy"), "no-referrer");
    }
    set(response, HeaderName::from_static("x-content-type-options"), "nosniff");
}

/// Auth0's names. An answer that has them already (a fault's) keeps its own.
pub(super) fn rate_limit(response: &mut Response, allowance: Allowance) {
    if response.headers().contains_key("x-ratelimit-limit") {
        return;
    }
    set(response, HeaderName::from_static("x-ratelimit-limit"), &allowance.limit.to_string());
    set(response, HeaderName::from_static("x-ratelimit-remaining"), &allowance.remaining.to_string());
    set(response, HeaderName::from_static("x-ratelimit-reset"), &allowance.reset.to_string());
}

/// As the exercise's API (the defaults of Express's `cors`): every origin, and whatever headers it asks for.
pub(super) fn cross_origin(response: &mut Response, endpoint: Endpoint, method: &Method, request: &HeaderMap) {
    if !endpoint.shares_with_other_origins() {
        return;
    }
    set(response, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        response,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        "Date, DPoP-Nonce, Retry-After, WWW-Authenticate, WWW-Authentication, X-RateLimit-Limit, X-RateLimit-Remaining, \
         X-RateLimit-Reset",
    );
    if method == Method::OPTIONS {
        set(response, ACCESS_CONTROL_ALLOW_METHODS, "GET,HEAD,PUT,PATCH,POST,DELETE");
        set(response, ACCESS_CONTROL_MAX_AGE, "600");
        set(response, VARY, "Access-Control-Request-Headers");
        if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
    }
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("numbers, dates and constants are visible ASCII");
    response.headers_mut().insert(name, value);
}
