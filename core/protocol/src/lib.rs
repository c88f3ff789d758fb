//! OAuth 2 and OpenID Connect for native apps, without input or output.
//!
//! This crate builds requests, parses responses and validates tokens. Clock, network, storage and randomness are
//! arguments: nothing here can reach them. What it decides is decided by a specification, whose section stands beside
//! it; when, how often and what to keep is the business of `hallpass-core`.
//!
//! A login, in the order in which the modules are used: [`client`] describes who asks whom; [`discovery`] finds the
//! endpoints; [`authorize`] starts a login, [`par`] pushes it and [`callback`] reads its answer; [`token`] exchanges the code and later
//! renews; [`jwk`] and [`id_token`] tell who the user is; [`userinfo`], [`revoke`] and [`logout`] follow. [`device`] is the login of a device without a browser. Where tokens are
//! bound to a key, [`dpop`] goes with each request; what an API wants of a request that it refused, [`challenge`] reads.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod algorithm;
mod base64url;
mod claims;
#[cfg(test)]
mod fixtures;
mod json;
mod lenient;

pub mod authorize;
pub mod callback;
pub mod challenge;
pub mod client;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod error;
pub mod http;
pub mod id_token;
pub mod jwk;
pub mod jws;
pub mod logout;
pub mod par;
pub mod pkce;
pub mod revoke;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token;
pub mod userinfo;
