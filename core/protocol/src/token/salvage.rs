//! The refresh token of a success that cannot be used otherwise.
//!
//! With rotation, the token that was sent is spent as soon as the server answers 2xx. When that answer is cut off, has
//! an access token of a type that was not asked for, or breaks in another way, its refresh token is the only one that
//! still works, and what else is wrong with the answer is no reason to lose it.

use alloc::string::String;

use crate::http::Response;
use crate::lenient;
use crate::secret::RefreshToken;

/// The refresh token of a 2xx response that [`parse`](super::parse) refuses; `None` when there is none that is certainly
/// complete.
///
/// It is the member `refresh_token` of the outermost JSON object, whose value is a complete string of 1*VSCHAR (RFC 6749
/// appendix A.17). What follows it may be cut off or broken; what precedes it has to be JSON. So a token that is nested, or
/// inside another text, is never used. If the member occurs more than once, the last value is used: most JSON readers do
/// so (RFC 8259 §4), and with them the server's other clients.
#[must_use]
pub fn salvage(response: &Response) -> Option<RefreshToken> {
    if !response.is_success() {
        return None;
    }
    let mut found = None;
    // However far that gets.
    let _ = walk(&lenient::text(&response.body), |name, value| {
        if unquoted(name).as_deref() == Some("refresh_token") {
            let token = unquoted(value).filter(|token| is_token(token));
            found = token.map(RefreshToken::new).or(found.take());
        }
    });
    found
}

/// RFC 6749 appendix A.17
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// Hands the members of the outermost object to `each` as they are written, until the object ends or breaks.
fn walk<'t>(text: &'t str, mut each: impl FnMut(&'t str, &'t str)) -> Option<()> {
    let mut rest = trimmed(text).strip_prefix('{')?;
    loop {
        let (name, after) = string(trimmed(rest))?;
        let (value, after) = value(trimmed(trimmed(after).strip_prefix(':')?))?;
        rest = trimmed(after);
        // A value is known to be whole by what follows it: `"a"b"` is a text with a quotation mark that is not escaped.
        if !rest.is_empty() && !rest.starts_with([',', '}']) {
            return None;
        }
        each(name, value);
        rest = rest.strip_prefix(',')?;
    }
}

/// Splits a value from what follows it.
fn value(text: &str) -> Option<(&str, &str)> {
    match text.bytes().next()? {
        b'"' => string(text),
        b'{' | b'[' => nested(text),
        _ => {
            let end = text.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(text.len());
            Some(text.split_at(end)).filter(|(scalar, _)| !scalar.is_empty())
        }
    }
}

/// Splits a string, with its quotation marks, from what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut is_escaped = false;
    for (place, byte) in inside.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return text.split_at_checked(place + 2),
            _ => {}
        }
    }
    None
}

/// Splits an object or an array from what follows it.
fn nested(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        match rest.bytes().next()? {
            b'"' => {
                rest = string(rest)?.1;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        let mut characters = rest.chars();
        characters.next();
        rest = characters.as_str();
        if depth == 0 {
            return text.split_at_checked(text.len() - rest.len());
        }
    }
}

/// Without white space in front (RFC 8259 §2).
fn trimmed(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// What a string says; `None` for what is no string.
fn unquoted(string: &str) -> Option<String> {
    serde_json::from_str(string).ok()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::fixtures::response;

    #[track_caller]
    fn salvaged(body: &str, expected: Option<&str>) {
        let found = salvage(&response(200, "application/json", body));
        assert_eq!(found.as_ref().map(RefreshToken::expose), expected, "{body}");
    }

    #[test]
    fn the_refresh_token_of_a_response_that_cannot_be_used_is_found() {
        for body in [
            r#"{"access_token":"a","token_type":"mac","refresh_token":"r"}"#,
            r#"{"access_token":"a","access_token":"b","refresh_token":"r"}"#,
            r#"{"access_token":{"t":["a",{"x":"]}\"\\"}]},"refresh_token":"r"}"#,
            r#"{"access_token":1,"x":null,"y":-1.5e3,"z":true,"refresh_token":"r"}"#,
            r#"{"refresh_token":"r","x":NaN}"#,
            r#"{"x":NaN,"refresh_token":"r"}"#,
            r#"{"x":"\ud800","refresh_token":"r"}"#,
            r#" { "refresh\u005ftoken" : "\u0072" } "#,
            "\u{feff}{\r\n\t\"refresh_token\":\r\n\t\"r\"\r\n}",
            r#"{"access_token":"Jos\u00e9 {[\"","refresh_token":"r","expires_in":36"#,
            r#"{"refresh_token":"r","access_token":"a"#,
            r#"{"refresh_token":"r","access_token""#,
            r#"{"refresh_token":"r","x":{"#,
            r#"{"refresh_token":"r","#,
            r#"{"refresh_token":"r",}"#,
            r#"{"refresh_token":"r" "#,
            r#"{"refresh_token":"r""#,
            r#"{"refresh_token":"r"}garbage"#,
            r#"{"refresh_token":"r","x":"a"b"}"#,
        ] {
            salvaged(body, Some("r"));
        }
        salvaged(r#"{"refresh_token":" !~\"\\\/","#, Some(" !~\"\\/"));
    }

    #[test]
    fn a_token_that_is_not_certainly_whole_is_not_taken() {
        for body in [
            "",
            "{",
            "{}",
            "refresh_token=r",
            r#""refresh_token":"r""#,
            r#"["refresh_token","r"]"#,
            r#"[{"refresh_token":"r"}]"#,
            r#"x{"refresh_token":"r"}"#,
            r#"{"refresh_token":"r"#,
            r#"{"refresh_token":"r\""#,
            r#"{"refresh_token":"r\"}"#,
            r#"{"refresh_token":"r\"#,
            r#"{"refresh_token":"r"s"}"#,
            r#"{"refresh_token":"r""s"}"#,
            r#"{"refresh_token":"r":1}"#,
            r#"{"refresh_token":"r"]"#,
            r#"{"refresh_token" "r"}"#,
            r#"{"refresh_token":r}"#,
            r#"{"refresh_token":}"#,
            r#"{"refresh_token":"#,
            r#"{"refresh_token":1}"#,
            r#"{"refresh_token":["r"]}"#,
            r#"{"refresh_token":""}"#,
            r#"{"refresh_token":null}"#,
            "{\"refresh_token\":\"r\u{e9}\"}",
            "{\"refresh_token\":\"r\u{fffd}\"}",
            r#"{"refresh_token":"r\u00e9"}"#,
            r#"{"refresh_token":"r\n"}"#,
            "{\"refresh_token\":\"r\ns\"}",
            r#"{"refresh_token":"r\u007f"}"#,
            r#"{"refresh_token":"r\u001f"}"#,
            r#"{"x":{"refresh_token":"r"}}"#,
            r#"{"x":[{"refresh_token":"r"}],"y":1}"#,
            r#"{"x":"\"refresh_token\":\"r\","}"#,
            r#"{"x":"a"b","refresh_token":"r"}"#,
            r#"{"x":[}],"refresh_token":"r"#,
            r#"{"x":{"y":"#,
            r#"{"x":,"refresh_token":"r"}"#,
            r#"{"refresh_token_expires_in":"1","Refresh_Token":"r"}"#,
        ] {
            salvaged(body, None);
        }
        let mut latin = response(200, "application/json", "");
        latin.body = b"{\"refresh_token\":\"r\xe9\"}".to_vec();
        assert!(salvage(&latin).is_none());
    }

    #[test]
    fn of_a_member_that_stands_twice_the_last_usable_value_is_taken() {
        salvaged(r#"{"refresh_token":"r1","refresh_token":"r2"}"#, Some("r2"));
        salvaged(r#"{"refresh_token":"r","x":1,"refresh_token":"r"}"#, Some("r"));
        salvaged(r#"{"refresh_token":"r","refresh_token":null}"#, Some("r"));
        salvaged(r#"{"refresh_token":"r1","refresh_token":"r2"#, Some("r1"));
    }

    #[test]
    fn only_a_success_has_a_token_to_be_salvaged() {
        for (status, taken) in
            [(200, true), (201, true), (299, true), (199, false), (302, false), (400, false), (500, false)]
        {
            let found = salvage(&response(status, "application/json", r#"{"refresh_token":"r"}"#));
            assert_eq!(found.is_some(), taken, "{status}");
        }
    }

    #[test]
    fn a_response_cut_off_anywhere_gives_the_whole_token_or_none() {
        let token = r#"v1.\"\\\u0041é"#.replace('é', "e");
        let body = format!(
            r#"{{"x":{{"refresh_token":"no"}},"y":"\"refresh_token\":\"no\"","refresh_token":"{token}","z":[1]}}"#
        );
        let whole: String = serde_json::from_str(&format!("\"{token}\"")).unwrap();
        let mut found = 0;
        for end in 0..=body.len() {
            if let Some(salvaged) = salvage(&response(200, "application/json", &body[..end])) {
                assert_eq!(salvaged.expose(), whole, "{}", &body[..end]);
                found += 1;
            }
        }
        // From its closing quotation mark on.
        assert_eq!(found, r#","z":[1]}"#.len() + 1);
    }
}
