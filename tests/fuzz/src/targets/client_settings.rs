//! What a developer writes into the client's settings, and PKCE.

use hallpass_core::protocol::client::{ClientId, Issuer, Loopback, RedirectUri};
use hallpass_core::protocol::pkce;
use hallpass_core::protocol::scope::Scope;
use hallpass_core::protocol::secret::CodeVerifier;
use ring::digest::{SHA256, digest};

use super::id_token::base64url;

/// A setting that is accepted is written as it was read, and reads the same again.
///
/// The first byte says which setting the rest is.
pub(crate) fn run(data: &[u8]) {
    let Some((&setting, rest)) = data.split_first() else { return };
    match (setting % 5, std::str::from_utf8(rest)) {
        (0, Ok(text)) => issuer(text),
        (1, Ok(text)) => redirect_uri(text),
        (2, Ok(text)) => scope(text),
        (3, Ok(text)) => client_id(text),
        (4, _) => code_challenge(rest),
        _ => {}
    }
}

fn issuer(text: &str) {
    if let Ok(issuer) = Issuer::parse(text, Loopback::AllowHttp) {
        assert_eq!(issuer.as_str(), text);
        assert!(Loopback::AllowHttp.permits(issuer.url()), "{issuer:?}");
        assert_eq!(Issuer::parse(issuer.as_str(), Loopback::AllowHttp), Ok(issuer));
    }
    if let Ok(issuer) = Issuer::parse(text, Loopback::RequireHttps) {
        assert_eq!(issuer.url().scheme(), "https");
        assert!(issuer.url().query().is_none() && issuer.url().fragment().is_none(), "{issuer:?}");
    }
}

fn redirect_uri(text: &str) {
    let Ok(uri) = RedirectUri::parse(text) else { return };
    assert_eq!(uri.as_str(), text);
    assert!(uri.url().fragment().is_none(), "RFC 6749 §3.1.2");
    if let Ok(with_port) = uri.with_port(5000) {
        assert!(uri.is_loopback(), "only a loopback redirect has a port of the app's choice (RFC 8252 §7.3)");
        assert_eq!(with_port.url().port(), Some(5000));
        assert_eq!((with_port.url().host(), with_port.url().path()), (uri.url().host(), uri.url().path()));
        assert_eq!(RedirectUri::parse(with_port.as_str()).unwrap().as_str(), with_port.as_str());
    }
}

fn scope(text: &str) {
    let Ok(scope) = Scope::parse(text) else { return };
    let written = scope.to_string();
    assert!(!written.starts_with(' ') && !written.ends_with(' ') && !written.contains("  "), "{written:?}");
    assert_eq!(Scope::parse(&written).unwrap(), scope);
    assert!(scope.is_subset_of(&scope) && scope.iter().all(|token| text.split(' ').any(|word| word == token)));
}

fn client_id(text: &str) {
    if let Ok(client_id) = ClientId::parse(text) {
        assert_eq!(client_id.as_str(), text);
        assert!(!text.is_empty());
    }
}

/// RFC 7636 §4.2, computed twice.
fn code_challenge(entropy: &[u8]) {
    let Ok(entropy) = <[u8; 32]>::try_from(entropy) else { return };
    let verifier = CodeVerifier::from_entropy(entropy);
    assert!(verifier.expose().len() >= 43 && verifier.expose().bytes().all(is_unreserved), "RFC 7636 §4.1");
    let expected = base64url(digest(&SHA256, verifier.expose().as_bytes()).as_ref());
    assert_eq!(pkce::challenge(&verifier), expected);
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
