//! The sign-in core of native apps: login, renew and secure storage.
//!
//! A user is signed out only when the server says so or the user asks.
//!
//! ```no_run
//! # async fn example(store: impl hallpass_core::ports::SecureStore, browser: impl hallpass_core::ports::Browser) -> hallpass_core::Result<()> {
//! use hallpass_core::{ApiRequest, Config, Login, Logout, MinTtl, Session};
//!
//! let config = Config::auth0("tenant.eu.auth0.com", "aBcD1234", "com.example.app://tenant.eu.auth0.com/callback")?
//!     .audience("https://expenses-api")
//!     .scope("openid profile read:reports offline_access")?
//!     .api_origin("https://api.example.com")?;
//! let session = Session::builder(config).store(store).browser(browser).build()?;
//!
//! let user = session.login(Login::default()).await?;
//! let credentials = session.credentials(MinTtl::seconds(60)).await?;
//! let reply = session.call(ApiRequest::get("https://api.example.com/reports")).await?;
//! session.logout(Logout::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! `core/protocol` decides what an RFC decides; [`Session`] decides when, how often and what to keep; [`ports`] are what
//! it needs from a platform, and [`adapters`] the platforms that come with it.
#![forbid(unsafe_code)]

pub mod adapters;
mod config;
mod decode;
mod error;
pub mod ports;
mod session;

#[cfg(doc)]
#[doc = include_str!("../docs/providers.md")]
pub mod providers {}

pub use config::Config;
pub use error::{Error, LoginReason, OfflineCause, Result, StorageProblem};
pub use hallpass_protocol as protocol;
pub use session::{
    ApiRequest, ApiResponse, Authorization, Credentials, CredentialsRequest, Event, Events, IdToken, LatestCredentials,
    LoggedOut, Login, LoginGrant, Logout, MinTtl, Observer, Report, Session, SessionBuilder, StartedLogin, State,
    States, User, accounts,
};
