//! Requests with a proof of possession (RFC 9449), for a session whose tokens are bound to a key.
//!
//! The record says whether it is: a session keeps what it was begun with, and the configuration decides about the next
//! login. A bearer session passes through here without a request, a write or an allocation more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_protocol::discovery::ProviderMetadata;
use hallpass_protocol::dpop::{self, ProofClaims, PublicKey, ServerNonce, Signature, Thumbprint};
use hallpass_protocol::error::ErrorCode;
use hallpass_protocol::http::{Method, Request, Response};
use hallpass_protocol::secret::AccessToken;
use url::{Origin, Url};

use super::{LONGEST_REQUEST, Wire};
use crate::error::{Error, LoginReason, OfflineCause, Result};
use crate::ports::{KeySigner, SignerError, TransportError};

/// A clock that an answer sets right by more than this may be why a proof was refused, in milliseconds.
const CLOCK_WAS_WRONG: u64 = 5_000;

/// What a key that has failed signs to show that it works again. No proof looks like this, so that the signature is of no use to anyone.
const TRIAL: &[u8] = b"hallpass";

/// How often a key fails before a login goes on with another, and how long to wait after each time: two seconds.
const KEY_TRIES: usize = 4;
const KEY_PAUSE: Duration = Duration::from_millis(500);

/// A signer that never answers says nothing about its key.
const SILENT: SignerError = SignerError::Failed("the signer did not answer");

/// The key, and what servers want in its proofs.
pub(crate) struct Prover {
    signer: Arc<dyn KeySigner>,
    /// The public half as it was told last, so that a proof costs one call of the signer.
    key: Mutex<Option<(PublicKey, Thumbprint)>>,
    /// By origin, and never shared between two: a nonce is a word of one server's to itself.
    nonces: Mutex<HashMap<Origin, ServerNonce>>,
    /// Whether it failed when it was to sign last.
    has_failed: AtomicBool,
}

/// Why a request that may need a proof has no answer.
pub(crate) enum Undelivered {
    Transport(TransportError),
    /// The key that the tokens are bound to is gone, or another is in its place. Nothing was sent.
    KeyGone(Thumbprint),
    /// The key cannot be used now. Nothing was sent.
    KeyUnusable(Error),
    /// The signer took until after the time from which nothing is to be sent. Nothing was, or the server has not acted on it.
    TooLate,
}

impl Prover {
    pub(crate) fn new(signer: Arc<dyn KeySigner>) -> Self {
        Self { signer, key: Mutex::default(), nonces: Mutex::default(), has_failed: AtomicBool::new(false) }
    }

    async fn key(&self, ask_again: bool) -> Result<(PublicKey, Thumbprint), SignerError> {
        let told = if ask_again { None } else { *lock(&self.key) };
        if let Some(key) = told {
            return Ok(key);
        }
        let public = with_limit(self.signer.public_key()).await?;
        let key = (public, public.thumbprint());
        *lock(&self.key) = Some(key);
        Ok(key)
    }

    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let signed = with_limit(self.signer.sign(message)).await;
        self.has_failed.store(matches!(signed, Err(SignerError::Failed(_))), Ordering::Relaxed);
        signed
    }

    /// The name of the key. One that has failed has to sign first: some are shown although their hardware refuses to use
    /// them. A key that works is not asked to, as it may ask its user.
    async fn working_key(&self) -> Result<Thumbprint, SignerError> {
        let (_, thumbprint) = self.key(true).await?;
        if self.has_failed.load(Ordering::Relaxed) {
            self.sign(TRIAL).await?;
        }
        Ok(thumbprint)
    }

    fn nonce(&self, origin: &Origin) -> Option<ServerNonce> {
        lock(&self.nonces).get(origin).cloned()
    }

    fn record_nonce(&self, origin: Origin, nonce: ServerNonce) {
        lock(&self.nonces).insert(origin, nonce);
    }
}

impl Wire {
    /// The key that a login binds its tokens to. One that is gone is replaced: what was bound to it is of no use already. So
    /// is one that still fails when it was asked again over two seconds, unless a session's tokens are bound to it: then
    /// `is_in_use`, and only a logout gives it up. One that is locked or does not answer stays.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when the server takes no such proofs, [`Error::Storage`] when no key can be used.
    pub(crate) async fn login_key(&self, metadata: &ProviderMetadata, is_in_use: bool) -> Result<Thumbprint> {
        if !metadata.takes_dpop_proofs() {
            return Err(Error::Misconfigured {
                field: "dpop",
                fix: "this server takes no proofs signed with ES256; switch them on there, or leave `dpop` out",
            });
        }
        for _ in 0..KEY_TRIES {
            match self.prover.working_key().await {
                Ok(thumbprint) => return Ok(thumbprint),
                Err(error @ (SignerError::Locked | SILENT)) => return Err(error.into()),
                Err(SignerError::Invalidated) => return Ok(self.new_key().await?),
                Err(SignerError::Failed(_)) => tokio::time::sleep(KEY_PAUSE).await,
            }
        }
        if is_in_use {
            return Err(SignerError::Failed("the key of the present session fails; log out to have a new one").into());
        }
        Ok(self.new_key().await?)
    }

    async fn new_key(&self) -> Result<Thumbprint, SignerError> {
        with_limit(self.prover.signer.delete()).await?;
        self.prover.has_failed.store(false, Ordering::Relaxed);
        self.prover.working_key().await
    }

    /// Sends a request to the provider with a proof by the key `bound_to`, or as it is when that is `None`, and waits for each answer
    /// for at most `limit`. When the server wants its nonce in the proof, or when its answer shows that the clock was
    /// wrong, the request is sent once more for either: the server has not acted on it, so this is neither a renewal
    /// nor a second try. A proof that is not there by `send_before`, by `Clock::elapsed`, is not sent.
    ///
    /// # Errors
    /// [`Undelivered`].
    pub(crate) async fn send_bound(
        &self,
        bound_to: Option<Thumbprint>,
        send_before: Option<Duration>,
        limit: Duration,
        request: Request,
    ) -> Result<Response, Undelivered> {
        match bound_to {
            None => Ok(self.send_within(limit, request).await?),
            // Boxed, so that a bearer session does not make room for what only this needs.
            Some(key) => Box::pin(self.send_proven(key, send_before, limit, request)).await,
        }
    }

    async fn send_proven(
        &self,
        bound_to: Thumbprint,
        send_before: Option<Duration>,
        limit: Duration,
        request: Request,
    ) -> Result<Response, Undelivered> {
        let origin = request.url.origin();
        let (mut repeated_for_nonce, mut repeated_for_time) = (false, false);
        loop {
            let nonce = self.prover.nonce(&origin);
            let proof = self.prove(bound_to, request.method, &request.url, None, nonce.as_ref()).await?;
            if send_before.is_some_and(|end| self.elapsed() >= end) {
                return Err(Undelivered::TooLate);
            }
            let mut proven = request.clone();
            proven.headers.push(dpop::HEADER, proof);
            let response = self.send_within(limit, proven).await?;
            let before = self.server_now();
            self.observe_time(&response);
            let moved = before.unix_millis().abs_diff(self.server_now().unix_millis());
            let told = ServerNonce::of(&response.headers);
            let is_news = told.is_some() && told != nonce;
            if let Some(told) = told {
                self.prover.record_nonce(origin.clone(), told);
            }
            let refusal = dpop::refusal(&response);
            let again = if refusal == Some(ErrorCode::UseDpopNonce) {
                is_news && !std::mem::replace(&mut repeated_for_nonce, true)
            } else if refusal == Some(ErrorCode::InvalidDpopProof) {
                moved > CLOCK_WAS_WRONG && !std::mem::replace(&mut repeated_for_time, true)
            } else {
                false
            };
            if !again {
                return Ok(response);
            }
        }
    }

    /// Deletes the key, which nothing is bound to any more.
    pub(crate) async fn delete_key(&self) {
        *lock(&self.prover.key) = None;
        if let Err(error) = with_limit(self.prover.signer.delete()).await {
            tracing::debug!(%error, "the signing key stays, for the next login");
        }
    }

    /// Keeps the nonce that an answer from `origin` brought, for the next proof.
    pub(crate) fn record_nonce(&self, origin: Origin, nonce: ServerNonce) {
        self.prover.record_nonce(origin, nonce);
    }

    /// A proof by the key `bound_to` for a request with `access_token`, and the nonce in it.
    ///
    /// # Errors
    /// [`Undelivered::KeyGone`] or [`Undelivered::KeyUnusable`].
    pub(crate) async fn proof(
        &self,
        bound_to: Thumbprint,
        method: Method,
        url: &Url,
        access_token: &AccessToken,
    ) -> Result<(String, Option<ServerNonce>), Undelivered> {
        let nonce = self.prover.nonce(&url.origin());
        Ok((self.prove(bound_to, method, url, Some(access_token), nonce.as_ref()).await?, nonce))
    }

    async fn prove(
        &self,
        bound_to: Thumbprint,
        method: Method,
        url: &Url,
        access_token: Option<&AccessToken>,
        nonce: Option<&ServerNonce>,
    ) -> Result<String, Undelivered> {
        let mut entropy = [0; 12];
        self.random.fill(&mut entropy).map_err(|error| Undelivered::KeyUnusable(error.into()))?;
        let claims = ProofClaims { entropy, method, url, issued_at: self.server_now(), access_token, nonce };
        let failed = |error| match error {
            SignerError::Invalidated => Undelivered::KeyGone(bound_to),
            SignerError::Locked | SignerError::Failed(_) => Undelivered::KeyUnusable(error.into()),
        };
        let mut failure = Undelivered::KeyGone(bound_to);
        // What was told of the key before may be out of date: another process may have logged out and in again.
        for ask_again in [false, true] {
            let (key, thumbprint) = self.prover.key(ask_again).await.map_err(failed)?;
            if thumbprint != bound_to {
                failure = Undelivered::KeyGone(bound_to);
                continue;
            }
            let unsigned = claims.unsigned(&key);
            let signature = self.prover.sign(unsigned.signing_input()).await.map_err(failed)?;
            match unsigned.signed(&signature) {
                Ok(proof) => return Ok(proof),
                Err(dpop::SignatureMismatch) => {
                    failure = Undelivered::KeyUnusable(Error::Internal { reference: "signature_of_another_key" });
                }
            }
        }
        Err(failure)
    }
}

/// Waits for a signer for as long as for a transport: one that asks the user to be there may take its time, and one
/// that never answers keeps no caller for ever.
async fn with_limit<T>(answer: impl Future<Output = Result<T, SignerError>>) -> Result<T, SignerError> {
    tokio::time::timeout(LONGEST_REQUEST, answer).await.unwrap_or(Err(SILENT))
}

impl From<TransportError> for Undelivered {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<Undelivered> for Error {
    fn from(undelivered: Undelivered) -> Self {
        match undelivered {
            Undelivered::Transport(error) => error.into(),
            Undelivered::KeyGone(_) => Error::LoginRequired { reason: LoginReason::StorageInvalidated },
            Undelivered::KeyUnusable(error) => error,
            Undelivered::TooLate => Error::Offline { cause: OfflineCause::NoAnswer, retry_after: None },
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each use is one call, so a panic elsewhere cannot have left it half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
