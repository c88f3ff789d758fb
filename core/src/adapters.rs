//! Implementations of the ports.
//!
//! Those that wait for the network, a file or a service have to be called on a Tokio runtime with its time and input/output
//! drivers on, as the engine does. None has a thread or a timer while it is idle.

#[cfg(feature = "contract")]
pub mod contract;
mod file_lease;
#[cfg(feature = "keychain")]
pub mod keychain;
#[cfg(all(feature = "loopback-browser", not(any(target_os = "android", target_os = "ios"))))]
pub mod loopback;
mod memory;
mod plain_files;
#[cfg(all(feature = "reqwest", not(target_os = "android")))]
pub mod reqwest;
mod software_signer;
mod system;

pub use self::file_lease::FileLease;
#[cfg(feature = "keychain")]
pub use self::keychain::Keychain;
#[cfg(all(feature = "loopback-browser", not(any(target_os = "android", target_os = "ios"))))]
pub use self::loopback::LoopbackBrowser;
pub use self::memory::MemoryStore;
pub use self::plain_files::DangerPlainFiles;
#[cfg(all(feature = "reqwest", not(target_os = "android")))]
pub use self::reqwest::Reqwest;
pub use self::software_signer::SoftwareSigner;
pub use self::system::{SystemClock, SystemRandom};
