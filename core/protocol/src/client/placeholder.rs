//! What a template has where a setting belongs.

/// Whether an address still is what a template has in its place: `https://{domain}/`, `<issuer>`, `YOUR_DOMAIN`,
/// `your-tenant.auth0.com`.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.contains(['{', '}', '<', '>']) || is_wrapped(text) || is_template_word(text)
}

/// Whether an identifier still is one. It may have any visible character (RFC 6749 Appendix A.1), so only one that is
/// wrapped as a whole counts: `{clientId}`, `<client id>`, `%CLIENT_ID%`.
pub(super) fn is_placeholder_of_an_identifier(text: &str) -> bool {
    is_wrapped(text) || is_template_word(text)
}

fn is_wrapped(text: &str) -> bool {
    const BRACKETS: [(char, char); 3] = [('{', '}'), ('<', '>'), ('%', '%')];
    text.len() > 1 && BRACKETS.into_iter().any(|(open, close)| text.starts_with(open) && text.ends_with(close))
}

fn is_template_word(text: &str) -> bool {
    const WORDS: [&str; 7] =
        ["yourclientid", "yourauth0", "yourdomain", "yourtenant", "yourissuer", "insertyour", "changeme"];
    let letters = || text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let begins_with = |word: &str| letters().take(word.len()).eq(word.bytes());
    WORDS.into_iter().any(begins_with) || letters().eq("clientid".bytes()) || letters().eq("todo".bytes())
}
