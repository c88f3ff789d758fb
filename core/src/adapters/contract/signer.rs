//! The contract of [`KeySigner`].

use std::sync::Arc;
use std::time::Duration;

use hallpass_protocol::dpop::{ProofClaims, PublicKey, SignatureMismatch};
use hallpass_protocol::http::Method;
use hallpass_protocol::time::Timestamp;
use tokio::time::timeout;
use url::Url;

use super::STEP;
use crate::ports::{KeySigner, SignerError};

/// Runs the suite on a signer. `open` returns a new handle on the same key each time, as another process would; there is
/// no key when the suite begins and none when it ends.
///
/// # Panics
/// When the signer breaks its contract.
pub async fn key_signer<S: KeySigner>(open: impl AsyncFn() -> S) {
    let suite = async {
        every_handle_names_the_same_key(&open).await;
        without_a_key_nothing_is_signed(&open().await).await;
        the_key_is_made_once_and_is_the_same_for_everybody(&open).await;
        what_is_signed_is_by_the_public_key(&open).await;
        calls_at_once_are_all_served(open().await).await;
        a_deleted_key_is_gone_and_the_next_one_is_another(&open).await;
    };
    timeout(STEP * 6, suite).await.expect("the signer took too long");
}

async fn every_handle_names_the_same_key<S: KeySigner>(open: &impl AsyncFn() -> S) {
    let (one, other) = (open().await, open().await);
    let identity = one.identity();
    assert!(!identity.is_empty(), "the key has no name");
    assert_eq!(other.identity(), identity, "another handle on the same key has another name");
    let _ = public_key(&one).await;
    assert_eq!(one.identity(), identity, "the name changed when the key was made");
    assert_eq!(one.delete().await, Ok(()));
    assert_eq!(one.identity(), identity, "the name changed when the key was deleted");
}

async fn without_a_key_nothing_is_signed(signer: &impl KeySigner) {
    assert_eq!(signer.sign(b"message").await, Err(SignerError::Invalidated), "it signed without a key");
    assert_eq!(signer.delete().await, Ok(()), "deleting an absent key is no error");
}

async fn the_key_is_made_once_and_is_the_same_for_everybody<S: KeySigner>(open: &impl AsyncFn() -> S) {
    let (one, other) = (open().await, open().await);
    let key = public_key(&one).await;
    assert_eq!(public_key(&one).await, key, "the same handle made a second key");
    assert_eq!(public_key(&other).await, key, "another handle has another key");
    drop((one, other));
    assert_eq!(public_key(&open().await).await, key, "the key did not outlive its handle");
}

async fn what_is_signed_is_by_the_public_key<S: KeySigner>(open: &impl AsyncFn() -> S) {
    let key = public_key(&open().await).await;
    // By a handle that was never asked for the key as well.
    for signer in [open().await, open().await] {
        for number in 0..4 {
            assert_eq!(proves(&signer, &key, number).await, Ok(()), "a signature is not by the key that was told");
        }
    }
}

async fn calls_at_once_are_all_served<S: KeySigner>(signer: S) {
    let signer = Arc::new(signer);
    let key = public_key(&*signer).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..8 {
        let signer = Arc::clone(&signer);
        calls.spawn(async move { proves(&*signer, &key, number).await });
    }
    while let Some(call) = calls.join_next().await {
        assert_eq!(call.expect("a call at the same time as others failed"), Ok(()));
    }
}

async fn a_deleted_key_is_gone_and_the_next_one_is_another<S: KeySigner>(open: &impl AsyncFn() -> S) {
    let signer = open().await;
    let before = public_key(&signer).await;
    for _ in 0..2 {
        assert_eq!(signer.delete().await, Ok(()));
        assert_eq!(signer.sign(b"message").await, Err(SignerError::Invalidated), "a deleted key signs");
    }
    let after = public_key(&signer).await;
    assert_ne!(after, before, "a deleted key came back");
    assert_eq!(proves(&signer, &after, 0).await, Ok(()));
    assert_eq!(signer.delete().await, Ok(()));
}

async fn public_key(signer: &impl KeySigner) -> PublicKey {
    timeout(STEP, signer.public_key()).await.expect("the key took too long").expect("there is a key")
}

/// Makes a proof as the engine does.
async fn proves(signer: &impl KeySigner, key: &PublicKey, number: u8) -> Result<(), SignatureMismatch> {
    let url = Url::parse("https://issuer.example/token").expect("it is a URL");
    let claims = ProofClaims {
        entropy: [number; 12],
        method: Method::Post,
        url: &url,
        issued_at: Timestamp::from_unix_seconds(1_700_000_000),
        access_token: None,
        nonce: None,
    };
    let unsigned = claims.unsigned(key);
    let signature = timeout(Duration::from_secs(10), signer.sign(unsigned.signing_input())).await;
    unsigned.signed(&signature.expect("a signature took too long").expect("the key signs")).map(drop)
}
