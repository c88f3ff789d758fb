//! One request over HTTPS and one verified signature, callable from Swift and Kotlin as Hallpass is: the same HTTP client,
//! TLS, cryptography, runtime and bindings, and nothing else.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;

/// What goes wrong with one or the other.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum BareError {
    /// No answer came.
    #[error("no answer came")]
    NoAnswer,
    /// The signature is not of this key and message.
    #[error("the signature is wrong")]
    WrongSignature,
}

/// Sends `body` to `url` and returns the body of the answer.
///
/// # Errors
/// [`BareError::NoAnswer`].
#[uniffi::export]
pub async fn post(url: String, body: String) -> Result<Vec<u8>, BareError> {
    let sent = runtime().ok_or(BareError::NoAnswer)?.spawn(async move {
        let client = client().ok_or(BareError::NoAnswer)?;
        let answer = client.post(url).body(body).send().await.map_err(|_| BareError::NoAnswer)?;
        answer.bytes().await.map(|bytes| bytes.to_vec()).map_err(|_| BareError::NoAnswer)
    });
    sent.await.unwrap_or(Err(BareError::NoAnswer))
}

/// Verifies a signature of each kind that ID tokens have.
///
/// # Errors
/// [`BareError::WrongSignature`].
#[uniffi::export]
pub fn verify(key: Vec<u8>, message: Vec<u8>, signature: Vec<u8>) -> Result<(), BareError> {
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
        VerificationAlgorithm,
    };
    let algorithms: [&'static dyn VerificationAlgorithm; 4] =
        [&RSA_PKCS1_2048_8192_SHA256, &RSA_PSS_2048_8192_SHA256, &ECDSA_P256_SHA256_FIXED, &ED25519];
    let verified = algorithms.iter().any(|algorithm| UnparsedPublicKey::new(*algorithm, &key).verify(&message, &signature).is_ok());
    verified.then_some(()).ok_or(BareError::WrongSignature)
}

fn runtime() -> Option<&'static tokio::runtime::Runtime> {
    static RUNTIME: OnceLock<Option<tokio::runtime::Runtime>> = OnceLock::new();
    let made = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().ok();
    RUNTIME.get_or_init(made).as_ref()
}

fn client() -> Option<reqwest::Client> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(Arc::clone(&provider)).ok()?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(config).http1_only().build().ok()
}

uniffi::setup_scaffolding!();
