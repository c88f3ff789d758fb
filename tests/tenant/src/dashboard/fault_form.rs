//! Planning a fault by form: a kind, and one number or text where the kind has one.

use serde_json::Value;

use crate::{
    endpoint::Endpoint,
    faults::{Fault, FaultKind, Times},
    odd_body::OddBody,
    parameters::Parameters,
    settings::RetryAfter,
};

/// The kinds as the form offers them, by what the number and the text mean.
pub(crate) const KINDS: [(&str, &str); 22] = [
    ("lost_answer", "Answer lost after processing"),
    ("lost_request", "Request lost before processing"),
    ("broken_off_answer", "Answer broken off in the middle"),
    ("delay", "Delay before processing (number: milliseconds)"),
    ("delayed_answer", "Delay after processing (number: milliseconds)"),
    ("too_many_requests", "429 Too Many Requests (number: seconds)"),
    ("internal_server_error", "500 Internal Server Error"),
    ("service_unavailable", "503 Service Unavailable (number: seconds)"),
    ("unauthorized", "401 without invalid_grant"),
    ("unknown_error", "Error that nobody knows (number: status)"),
    ("html_body", "HTML of a captive portal, 200"),
    ("empty_body", "Empty body, 200"),
    ("truncated_json", "Truncated JSON"),
    ("oversized_body", "Oversized body (number: bytes)"),
    ("deep_json", "Deep JSON (number: depth)"),
    ("wrong_clock", "Wrong clock (number: seconds)"),
    ("wrong_issuer", "Wrong issuer (text: the issuer)"),
    ("redirect", "Redirect (number: status, text: where to)"),
    ("patched_id_token", "Patched ID token (text: a merge patch of its claims)"),
    ("patched_json", "Patched JSON (text: a merge patch)"),
    ("odd_body", "Odd body (text: gzip, byte_order_mark, latin1_member or duplicate_member)"),
    ("answer", "Any answer (number: status, text: the body)"),
];

/// A submitted form as a fault.
pub(super) fn read(form: &Parameters) -> Result<Fault, String> {
    let endpoint = named(form, "endpoint")?;
    let times = match form.first("times").map(str::parse) {
        None => Times::Always,
        Some(Ok(times)) => Times::Next(times),
        Some(Err(_)) => return Err("Times: write a whole number, or nothing for always.".to_owned()),
    };
    Ok(Fault {
        endpoint,
        grant_type: form.first("grant_type").filter(|_| endpoint == Endpoint::Token).map(str::to_owned),
        times,
        after_processing: form.first("after_processing").is_some(),
        kind: kind(form)?,
    })
}

fn kind(form: &Parameters) -> Result<FaultKind, String> {
    let text = form.first("text").map(str::to_owned);
    let retry_after: RetryAfter = named(form, "retry_after")?;
    Ok(match form.first("kind").unwrap_or_default() {
        "lost_answer" => FaultKind::LostAnswer,
        "lost_request" => FaultKind::LostRequest,
        "broken_off_answer" => FaultKind::BrokenOffAnswer,
        "delay" => FaultKind::Delay { milliseconds: number(form, 3_000)? },
        "delayed_answer" => FaultKind::DelayedAnswer { milliseconds: number(form, 3_000)? },
        "too_many_requests" => FaultKind::TooManyRequests { seconds: number(form, 5)?, retry_after },
        "internal_server_error" => FaultKind::InternalServerError,
        "service_unavailable" => FaultKind::ServiceUnavailable { seconds: number(form, 5)?, retry_after },
        "unauthorized" => FaultKind::Unauthorized,
        "unknown_error" => FaultKind::UnknownError { status: number(form, 400)? },
        "html_body" => FaultKind::HtmlBody,
        "empty_body" => FaultKind::EmptyBody,
        "truncated_json" => FaultKind::TruncatedJson,
        "oversized_body" => FaultKind::OversizedBody { bytes: number(form, 10_000_000)? },
        "deep_json" => FaultKind::DeepJson { depth: number(form, 50_000)? },
        "wrong_clock" => FaultKind::WrongClock { seconds: number(form, 7_200)? },
        "wrong_issuer" => {
            FaultKind::WrongIssuer { issuer: text.unwrap_or_else(|| "https://impostor.example/".to_owned()) }
        }
        "redirect" => FaultKind::Redirect { status: number(form, 307)?, location: text },
        "patched_id_token" => FaultKind::PatchedIdToken { claims: patch(form)? },
        "patched_json" => FaultKind::PatchedJson { patch: patch(form)? },
        "odd_body" => FaultKind::OddBody { oddity: oddity(form)? },
        "answer" => FaultKind::Answer {
            status: number(form, 200)?,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: text.unwrap_or_default(),
        },
        other => return Err(format!("There is no fault “{other}”.")),
    })
}

/// The form's number, or what the fault has when it is empty.
fn number<T: std::str::FromStr>(form: &Parameters, otherwise: T) -> Result<T, String> {
    match form.first("number").map(str::parse) {
        None => Ok(otherwise),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err("Number: this fault cannot have that number.".to_owned()),
    }
}

/// The form's text as a merge patch.
fn patch(form: &Parameters) -> Result<Value, String> {
    let text = form.first("text").ok_or("Text: write a merge patch in JSON.")?;
    serde_json::from_str(text).map_err(|error| format!("Text: {error}."))
}

/// The form's text as what is odd about a body; gzip when it is empty.
fn oddity(form: &Parameters) -> Result<OddBody, String> {
    let text = form.first("text").filter(|text| !text.is_empty()).unwrap_or("gzip");
    serde_json::from_value(Value::from(text)).map_err(|error| format!("Text: {error}."))
}

/// A value of an enumeration, by its name in JSON.
fn named<T: serde::de::DeserializeOwned>(form: &Parameters, name: &str) -> Result<T, String> {
    let text = form.first(name).ok_or_else(|| format!("{name} is missing."))?;
    serde_json::from_value(Value::from(text)).map_err(|error| format!("{name}: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_that_the_form_offers_is_read_as_the_fault_of_that_name() {
        for (name, _) in KINDS {
            let text = if name == "odd_body" { "latin1_member" } else { "%7B%7D" };
            let form = format!("endpoint=token&kind={name}&times=1&retry_after=seconds&text={text}");
            let fault = read(&Parameters::from_urlencoded(form.as_bytes())).unwrap();
            assert_eq!(fault.kind.name(), name);
        }
    }

    #[test]
    fn readme_describes_every_kind_and_every_endpoint() {
        let readme = include_str!("../../README.md");
        for (name, _) in KINDS {
            assert!(readme.contains(&format!("\"{name}\"")), "{name}");
        }
        for endpoint in Endpoint::ALL {
            let name = serde_json::to_value(endpoint).unwrap();
            assert!(readme.contains(&format!("`{}`", name.as_str().unwrap())), "{name}");
        }
    }

    #[test]
    fn form_without_times_is_always() {
        let form = b"endpoint=api&kind=delay&number=20&times=&retry_after=absent&grant_type=refresh_token";
        let fault = read(&Parameters::from_urlencoded(form)).unwrap();
        assert_eq!(fault, Fault::always(Endpoint::Api, FaultKind::Delay { milliseconds: 20 }));
    }

    #[test]
    fn form_with_a_mistake_says_which() {
        for (form, problem) in [
            ("kind=delay&retry_after=absent", "endpoint is missing."),
            ("endpoint=token&retry_after=absent&kind=x", "There is no fault “x”."),
            ("endpoint=token&retry_after=absent&kind=delay&number=-1", "Number: this fault cannot have that number."),
            (
                "endpoint=token&retry_after=absent&kind=delay&times=x",
                "Times: write a whole number, or nothing for always.",
            ),
        ] {
            assert_eq!(read(&Parameters::from_urlencoded(form.as_bytes())).unwrap_err(), problem);
        }
    }
}
