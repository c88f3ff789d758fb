//! A signing key that fails on cue. Clones are the same key, as the same process has it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hallpass_core::adapters::{MemoryStore, SoftwareSigner};
use hallpass_core::ports::{EntryName, KeySigner, SignerError};
use hallpass_core::protocol::dpop::{PublicKey, Signature};
use tokio::sync::oneshot;

use super::process::Process;

#[derive(Clone)]
pub(crate) struct TestSigner {
    key: Arc<SoftwareSigner>,
    /// Signs in place of `key`, which is the one that is shown.
    signing: Arc<SoftwareSigner>,
    failure: Arc<Mutex<Option<SignerError>>>,
    /// The key is shown, and does not sign any more.
    numb: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
    /// Who uses it: one process knows nothing of what others have open.
    user: usize,
    /// What the next call waits for.
    hold: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl TestSigner {
    pub(crate) fn new() -> Self {
        let key = software();
        Self {
            signing: Arc::clone(&key),
            key,
            failure: Arc::default(),
            numb: Arc::default(),
            silent: Arc::default(),
            user: 0,
            hold: Arc::default(),
        }
    }

    /// One whose signatures are by another key than the one that it shows.
    pub(crate) fn of_two_keys() -> Self {
        Self { signing: software(), ..Self::new() }
    }

    /// The same key as `process` has it.
    pub(crate) fn of_process(&self, process: &Process) -> Self {
        Self { user: process.number(), ..self.clone() }
    }

    /// From now on everything fails with `error`, until `repair`.
    pub(crate) fn break_with(&self, error: SignerError) {
        *self.failure.lock().unwrap() = Some(error);
    }

    /// From now on the key that is there is shown and does not sign, until `repair`: a blob that the hardware refuses.
    pub(crate) fn fall_numb(&self) {
        self.numb.store(true, Ordering::SeqCst);
    }

    pub(crate) fn repair(&self) {
        *self.failure.lock().unwrap() = None;
        self.numb.store(false, Ordering::SeqCst);
    }

    /// From now on nothing is ever answered.
    pub(crate) fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// It answers again.
    pub(crate) fn speak(&self) {
        self.silent.store(false, Ordering::SeqCst);
    }

    /// The next call waits until what is returned is told something.
    pub(crate) fn hold_next(&self) -> oneshot::Sender<()> {
        let (release, hold) = oneshot::channel();
        *self.hold.lock().unwrap() = Some(hold);
        release
    }

    /// Another key is in the place of the one that was there, as on another device.
    pub(crate) async fn replace(&self) {
        self.key.delete().await.unwrap();
        self.key.public_key().await.unwrap();
    }

    async fn works(&self) -> Result<(), SignerError> {
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let hold = self.hold.lock().unwrap().take();
        if let Some(hold) = hold {
            hold.await.unwrap();
        }
        self.failure.lock().unwrap().map_or(Ok(()), Err)
    }
}

fn software() -> Arc<SoftwareSigner> {
    Arc::new(SoftwareSigner::new(MemoryStore::new(), EntryName::parse("key").unwrap()))
}

#[async_trait]
impl KeySigner for TestSigner {
    fn identity(&self) -> String {
        format!("test:{:p}:{}", Arc::as_ptr(&self.failure), self.user)
    }

    async fn public_key(&self) -> Result<PublicKey, SignerError> {
        self.works().await?;
        self.signing.public_key().await?;
        self.key.public_key().await
    }

    async fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        self.works().await?;
        if self.numb.load(Ordering::SeqCst) {
            return Err(SignerError::Failed("the hardware refuses the key"));
        }
        self.signing.sign(message).await
    }

    /// A key that is gone can be deleted; what comes after it works.
    async fn delete(&self) -> Result<(), SignerError> {
        self.repair();
        self.key.delete().await
    }
}
