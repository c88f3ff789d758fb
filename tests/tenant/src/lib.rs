//! An Auth0-shaped authorization server and an expenses API, in memory and on loopback, for tests and demonstrations.
//!
//! It knows nothing of Hallpass, so that both sides cannot share one bug: its request parsing, its JWTs and its checks are
//! its own. It has real pages, which work without JavaScript, and everything about it can be changed while it runs: from
//! Rust through [`Tenant`], from another process through the JSON API under `/admin/api/`, by hand at `/dashboard`.
//!
//! ```no_run
//! # async fn example() -> Result<(), hallpass_tenant::StartError> {
//! use hallpass_tenant::{Endpoint, Fault, FaultKind, Tenant, TenantOptions};
//!
//! let tenant = Tenant::start(TenantOptions { seed: Some(7), ..TenantOptions::default() }).await?;
//! tenant.set(|settings| settings.refresh_token_rotation = true);
//! tenant.fault(Fault::once(Endpoint::Token, FaultKind::LostAnswer).for_grant_type("refresh_token"));
//! // … log in at tenant.issuer() as ada@example.com, "correct horse"; call tenant.api_url() …
//! assert!(tenant.requests().iter().all(|request| request.status() != Some(500)));
//! tenant.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is there
//! - Endpoints: `/authorize`, `/oauth/par`, `/oauth/device/code`, `/activate`, `/u/login`, `/u/consent`, `/oauth/token`, `/userinfo`, `/oauth/revoke`, `/v2/logout`,
//!   `/oidc/logout`, `/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server`,
//!   `/.well-known/jwks.json`. On the second port the expenses API: `GET /` and `GET /expenses`.
//! - [`Settings`]: what the tenant does when nothing is wrong. [`Fault`]: what goes wrong, where and how often.
//! - [`LoggedRequest`]: what was asked, by which a test can tell how many requests a client made.
//! - Users `ada@example.com` ("correct horse") and `grace@example.com` ("battery staple").
//! - Time is the tenant's own: [`Tenant::advance`] expires things without waiting, also in the answers' `Date`.
//! - [`misbehaving`]: another server, whose issuers each do wrong what a test says, as data.
//! - `browser` (a feature): a scripted user agent that fetches the pages and submits the forms.

#![forbid(unsafe_code)]

mod access_token;
mod admin;
mod answer;
mod authorization_request;
#[cfg(feature = "browser")]
pub mod browser;
mod clock;
mod dashboard;
mod devices;
mod directory;
mod dpop;
mod endpoint;
mod endpoints;
mod expenses_api;
mod faults;
mod grants;
mod jwt;
mod keys;
pub mod misbehaving;
mod odd_body;
mod options;
mod pages;
mod parameters;
mod pushed_requests;
mod random;
mod rate_limit;
mod request_log;
mod scope;
mod server;
mod sessions;
mod settings;
mod shared;
mod tenant;
mod tokens;

pub use clock::{ClockSource, Timestamp};
pub use directory::{Client, Organization, User};
pub use endpoint::Endpoint;
pub use faults::{Fault, FaultKind, Times};
pub use odd_body::OddBody;
pub use options::{Ports, TenantOptions};
pub use request_log::{BodyFormat, LoggedRequest, Outcome, fingerprint};
pub use settings::{
    ChallengeHeader, DeadRefreshToken, ErrorStyle, ExpiresIn, InvalidSettings, RefreshTokenRevocation, RetryAfter,
    Settings, SigningAlgorithm,
};
pub use tenant::{StartError, Tenant};
