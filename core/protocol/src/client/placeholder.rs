//! What a template has where a setting belongs.

/// Whether a setting still is what a template has in its place: `{clientId}`, `<client id>`, `%CLIENT_ID%`,
/// `YOUR_DOMAIN`, `your-tenant.auth0.com`.
pub(super) fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 7] =
        ["yourclientid", "yourauth0", "yourdomain", "yourtenant", "yourissuer", "insertyour", "changeme"];
    if text.contains(['{', '}', '<', '>']) || (text.starts_with('%') && text.ends_with('%')) {
        return true;
    }
    let letters = || text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let begins_with = |word: &str| letters().take(word.len()).eq(word.bytes());
    WORDS.into_iter().any(begins_with) || letters().eq("clientid".bytes()) || letters().eq("todo".bytes())
}
