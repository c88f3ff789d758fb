//! `josekit` on OpenSSL. The verifier is made once.

use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use josekit::jwt::{self, JwtPayloadValidator};
use serde_json::Value;

use crate::Work;
use crate::task::{Task, timed};

pub fn id_token(file: &str) -> Result<Work> {
    let task = Task::read(file)?;
    let key = task.jwks["keys"][0].as_object().context("the set has a key")?.clone();
    let jwk = Jwk::from_map(key)?;
    let verifier: Box<dyn JwsVerifier> = match task.algorithm.as_str() {
        "RS256" => Box::new(RS256.verifier_from_jwk(&jwk)?),
        "PS256" => Box::new(PS256.verifier_from_jwk(&jwk)?),
        "ES256" => Box::new(ES256.verifier_from_jwk(&jwk)?),
        "EdDSA" => Box::new(EdDSA.verifier_from_jwk(&jwk)?),
        other => bail!("no verifier for {other}"),
    };
    let mut validator = JwtPayloadValidator::new();
    validator.set_issuer(&task.issuer);
    validator.set_audience(&task.client_id);
    validator.set_claim("nonce", Value::String(task.nonce.clone()));
    Ok(Box::new(move |iterations| {
        timed(iterations, || {
            let (payload, _) = jwt::decode_with_verifier(&task.token, &*verifier)?;
            validator.set_base_time(SystemTime::now());
            Ok(validator.validate(&payload)?)
        })
    }))
}
