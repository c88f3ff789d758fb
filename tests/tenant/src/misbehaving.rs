//! An issuer that does wrong what a test says, and everything else right.
//!
//! One server on a free loopback port has any number of issuers, each below a path of its own, with a [`Behaviour`] of its
//! own and its own list of the requests that it has seen: tests run beside each other and do not meet. What an issuer does
//! wrong is data. It checks its clients as well: a token request that does not fit the authorization is refused.
//!
//! There is no page: [`MisbehavingIssuer::authorize`] takes the authorization request's URL and says what a callback
//! would carry.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use hallpass_tenant::misbehaving::{Behaviour, MisbehavingIssuer};
//!
//! let server = MisbehavingIssuer::start().await?;
//! let behaviour: Behaviour = serde_json::from_str(r#"{"id_token": {"claims": {"set": {"aud": "somebody-else"}}}}"#)?;
//! let issuer = server.add("wrong-audience", behaviour);
//! // … a client of `issuer` starts a login with `url` …
//! # let url = "";
//! let authorized = server.authorize("wrong-audience", url)?;
//! // … the client's callback is authorized.redirect_uri with authorized.code and authorized.state …
//! assert_eq!(server.requests("wrong-audience"), ["discovery", "keys", "code"]);
//! # Ok(())
//! # }
//! ```

mod answers;
mod authorization;
mod behaviour;
mod id_token;
mod issuer;
mod keys;
mod possession;
mod server;
mod template;

pub use authorization::{AuthorizeError, Authorized};
pub use behaviour::{Answer, Behaviour, Edit, IdToken, PublishedKey, Secret, Sequence, Signature};
pub use server::MisbehavingIssuer;
pub use template::{TemplateError, expand};
