//! `jsonwebtoken` on AWS-LC, the faster of its two back ends. Keys are made once, and found by `kid`, as its users do.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::Work;
use crate::task::{Task, timed};

/// What is looked at beyond the checks of the library, or handed to the app.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    nonce: String,
    name: String,
    email: String,
}

pub fn id_token(file: &str) -> Result<Work> {
    let task = Task::read(file)?;
    let algorithm: Algorithm = task.algorithm.parse()?;
    let set: JwkSet = serde_json::from_value(task.jwks)?;
    let mut keys = HashMap::new();
    for jwk in &set.keys {
        keys.insert(jwk.common.key_id.clone().context("each key has a name")?, DecodingKey::from_jwk(jwk)?);
    }
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[&task.issuer]);
    validation.set_audience(&[&task.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Ok(Box::new(move |iterations| {
        timed(iterations, || {
            let kid = decode_header(&task.token)?.kid.context("the token names its key")?;
            let key = keys.get(&kid).context("the key is known")?;
            let claims = decode::<Claims>(&task.token, key, &validation)?.claims;
            ensure!(claims.nonce == task.nonce, "another nonce");
            ensure!(!(claims.sub.is_empty() || claims.name.is_empty() || claims.email.is_empty()), "an empty claim");
            Ok(())
        })
    }))
}
