//! `lab token --exec-credential`: a token as kubectl takes it from a plugin (`client.authentication.k8s.io`).

use std::env;

use hallpass_core::protocol::time::Timestamp;
use hallpass_core::protocol::token::TokenType;
use hallpass_core::{Credentials, IdToken};
use serde_json::{Value, json};

use super::shell::rfc_3339;
use crate::failure::Failure;
use crate::terminal::say_json;

/// Where kubectl says which version it speaks.
const ASKED_BY: &str = "KUBERNETES_EXEC_INFO";
const V1: &str = "client.authentication.k8s.io/v1";
const V1_BETA_1: &str = "client.authentication.k8s.io/v1beta1";

/// Writes an access token as a credential. One that is bound to a key is refused.
pub(super) fn of_access_token(credentials: &Credentials) -> Result<(), Failure> {
    match credentials.token_type() {
        TokenType::Bearer => {}
        TokenType::Dpop => {
            return Err(Failure::Argument {
                what: "this token is bound to a key (DPoP), and kubectl makes no proofs".to_owned(),
                fix: "sign in without `dpop` for kubectl".to_owned(),
            });
        }
    }
    say_credential(credentials.access_token().expose(), credentials.expires_at());
    Ok(())
}

/// Writes an ID token as a credential, which is what the OpenID Connect authenticator of Kubernetes takes.
pub(super) fn of_id_token(id_token: &IdToken) {
    say_credential(id_token.raw().expose(), Some(id_token.expires_at()));
}

/// Writes the credential in the version that kubectl asks for.
fn say_credential(token: &str, expires_at: Option<Timestamp>) {
    let asked = env::var(ASKED_BY).ok();
    say_json(&json!({
        "apiVersion": version(asked.as_deref()),
        "kind": "ExecCredential",
        "status": { "token": token, "expirationTimestamp": expires_at.map(|at| rfc_3339(at.unix_seconds())) },
    }));
}

/// The version that the request names, where this is one that exists.
fn version(asked: Option<&str>) -> &'static str {
    let asked = asked.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if asked.is_some_and(|asked| asked["apiVersion"] == V1_BETA_1) { V1_BETA_1 } else { V1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_the_one_that_kubectl_asks_for() {
        assert_eq!(version(None), V1);
        assert_eq!(version(Some("no JSON")), V1);
        assert_eq!(version(Some(r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}"#)), V1);
        assert_eq!(version(Some(r#"{"apiVersion":"client.authentication.k8s.io/v1beta1"}"#)), V1_BETA_1);
    }
}
