//! `lab token --exec-credential`: an access token as kubectl takes it from a plugin (`client.authentication.k8s.io`).

use std::env;

use hallpass_core::Credentials;
use hallpass_core::protocol::token::TokenType;
use serde_json::{Value, json};

use super::shell::rfc_3339;
use crate::failure::Failure;
use crate::terminal::say_json;

/// Where kubectl says which version it speaks.
const ASKED_BY: &str = "KUBERNETES_EXEC_INFO";
const V1: &str = "client.authentication.k8s.io/v1";
const V1_BETA_1: &str = "client.authentication.k8s.io/v1beta1";

/// Writes the credential, in the version that kubectl asks for.
pub(super) fn say_credential(credentials: &Credentials) -> Result<(), Failure> {
    match credentials.token_type() {
        TokenType::Bearer => {}
        TokenType::Dpop => {
            return Err(Failure::Argument {
                what: "this token is bound to a key (DPoP), and kubectl makes no proofs".to_owned(),
                fix: "sign in without `dpop` for kubectl".to_owned(),
            });
        }
    }
    let asked = env::var(ASKED_BY).ok();
    say_json(&json!({
        "apiVersion": version(asked.as_deref()),
        "kind": "ExecCredential",
        "status": {
            "token": credentials.access_token().expose(),
            "expirationTimestamp": credentials.expires_at().map(|at| rfc_3339(at.unix_seconds())),
        },
    }));
    Ok(())
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
