//! What a server says about a proof of possession.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_core::protocol::dpop::{ProofClaims, PublicKey, ServerNonce, refusal};
use hallpass_core::protocol::error::ErrorCode;
use hallpass_core::protocol::http::{Headers, Method, Response};
use hallpass_core::protocol::time::Timestamp;
use url::Url;

/// A refusal is one of two, and only where there is a word for it; a nonce that is taken stands in the next proof as it
/// came, with nothing beside it. The first lines of the input are header fields: `W` before a challenge, `N` before a nonce.
pub(crate) fn refused(data: &[u8]) {
    let mut headers = Headers::from_iter([("Content-Type", "application/json")]);
    let mut body = data;
    while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
        let Some((&kind, value)) = body[..end].split_first() else { break };
        let name = match kind {
            b'W' => "WWW-Authenticate",
            b'N' => "DPoP-Nonce",
            _ => break,
        };
        headers.push(name, String::from_utf8_lossy(value));
        body = &body[end + 1..];
    }
    for status in [200, 400, 401, 403, 500] {
        let response = Response { status, headers: headers.clone(), body: body.to_vec() };
        let Some(code) = refusal(&response) else { continue };
        assert!(matches!(status, 400 | 401), "{status}");
        assert!(matches!(code, ErrorCode::UseDpopNonce | ErrorCode::InvalidDpopProof), "{code:?}");
        let told = headers.get_all("www-authenticate").any(|field| field.contains(code.as_str()));
        assert!(told || String::from_utf8_lossy(body).contains("dpop"), "nobody said {code:?}");
    }
    let response = Response { status: 200, headers, body: Vec::new() };
    if let Some(nonce) = ServerNonce::of(&response.headers) {
        stands_in_the_next_proof(&nonce);
    }
}

fn stands_in_the_next_proof(nonce: &ServerNonce) {
    let url = Url::parse("https://op.example/token").unwrap();
    let claims = ProofClaims {
        entropy: [7; 12],
        method: Method::Post,
        url: &url,
        issued_at: Timestamp::from_unix_seconds(1_767_225_600),
        access_token: None,
        nonce: Some(nonce),
    };
    let key = PublicKey::from_sec1(&[4; 65]).unwrap();
    let unsigned = claims.unsigned(&key);
    let input = std::str::from_utf8(unsigned.signing_input()).unwrap();
    let payload = input.split_once('.').unwrap().1;
    let stated: serde_json::Value = serde_json::from_slice(&decoded(payload)).unwrap();
    assert_eq!(stated["nonce"], nonce.as_str());
    assert_eq!(stated.as_object().unwrap().len(), 5, "{stated}");
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
