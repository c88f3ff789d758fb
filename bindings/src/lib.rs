//! The core as Swift and Kotlin call it.
//!
//! This crate converts and delegates; it decides nothing. What a verb does is documented at
//! [`hallpass_core::Session`], and what an app's engineer reads is written by hand in `bindings/swift` and
//! `bindings/kotlin`, over the code that UniFFI generates from this crate.
//!
//! What crosses the border, and how:
//! - verbs are asynchronous and run on a runtime of this library, whoever polls them;
//! - durations are whole milliseconds or seconds and moments seconds since 1970, all as integers: a foreign duration
//!   that is negative or too large would end the process in the generated code;
//! - the refresh token never crosses, and a record that carries an access token or a body shows neither as text;
//! - a foreign port may fail in any way: what it throws becomes a typed error here.
mod api;
mod clock;
mod config;
mod credentials;
mod error;
mod log;
mod login;
mod observer;
mod ports;
mod runtime;
mod session;
mod store;
mod user;

pub use api::{ApiReply, ApiRequest, Authorization, Receipt};
pub use clock::ShiftedClock;
pub use config::{Config, Provider};
pub use credentials::{Credentials, CredentialsRequest, IdToken};
pub use error::{HallpassError, LoginReason, OfflineCause, ServerWords, StorageProblem};
pub use log::{LogFailure, LogLevel, LogLine, LogReceiver, send_log_to};
pub use login::{LoggedOut, LoginOptions, LogoutOptions, Prompt, StartedLogin};
pub use observer::{Event, ObserverFailure, SessionObserver, State};
pub use ports::browser::{Browser, BrowserFailure, BrowserProblem};
pub use ports::code_display::{CodeDisplay, DisplayFailure, UserCode};
pub use ports::lease::{HeldLease, LeaseFailure, LeaseKeeper};
pub use ports::signer::{KeySigner, SignerFailure};
pub use ports::store::{SecureStore, StoreFailure};
pub use ports::transport::{HttpHeader, HttpRequest, HttpResponse, Transport, TransportFailure};
pub use session::{ReportAttribute, Session, SessionOptions, accounts};
pub use store::{Protection, Store, Unlock};
pub use user::User;

uniffi::setup_scaffolding!();
