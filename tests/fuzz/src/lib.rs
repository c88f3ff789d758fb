//! Fuzz targets: one for whatever reads what others wrote. A target takes any bytes and panics when something does not
//! hold that has to hold for every input.
//!
//! The targets are plain functions, so that they also run without a fuzzer: over the committed seeds as ordinary tests,
//! and over one file by `cargo run --package hallpass-fuzz -- TARGET FILE`.
#![forbid(unsafe_code)]
#![allow(clippy::unreachable, clippy::unwrap_used, reason = "in a fuzz target a panic is a finding")]

mod targets;

use targets::{callback, client_settings, id_token, lab, proof, renewal, responses, stored_record};

/// Something that reads what others wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The URL with which the browser comes back.
    Callback,
    /// What a developer writes into the client's settings: issuer, redirect URI, scope.
    ClientSettings,
    /// A provider's metadata.
    Discovery,
    /// The answer of a token endpoint that says that all is well.
    TokenResponse,
    /// The answer of a token endpoint that says that it is not.
    ErrorBody,
    /// What a server has against a proof of possession.
    ProofRefusal,
    /// A provider's keys.
    KeySet,
    /// An ID token.
    IdToken,
    /// Any HTTP answer to a renewal, header fields included, and what a whole session makes of it.
    RenewalAnswer,
    /// What a store gives back, and what a whole session makes of it.
    StoredRecord,
    /// A line of the driver's input.
    DriverLine,
    /// A property file.
    PropertyFile,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Callback,
        Self::ClientSettings,
        Self::Discovery,
        Self::TokenResponse,
        Self::ErrorBody,
        Self::ProofRefusal,
        Self::KeySet,
        Self::IdToken,
        Self::RenewalAnswer,
        Self::StoredRecord,
        Self::DriverLine,
        Self::PropertyFile,
    ];

    /// The name in `snake_case`: of the folder of its seeds, and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::ClientSettings => "client_settings",
            Self::Discovery => "discovery",
            Self::TokenResponse => "token_response",
            Self::ErrorBody => "error_body",
            Self::ProofRefusal => "proof_refusal",
            Self::KeySet => "key_set",
            Self::IdToken => "id_token",
            Self::RenewalAnswer => "renewal_answer",
            Self::StoredRecord => "stored_record",
            Self::DriverLine => "driver_line",
            Self::PropertyFile => "property_file",
        }
    }

    /// The target of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Hands `data` to whatever reads it.
    ///
    /// # Panics
    /// When something does not hold that has to hold for every input.
    pub fn run(self, data: &[u8]) {
        match self {
            Self::Callback => callback::run(data),
            Self::ClientSettings => client_settings::run(data),
            Self::Discovery => responses::discovery(data),
            Self::TokenResponse => responses::token_response(data),
            Self::ErrorBody => responses::error_body(data),
            Self::ProofRefusal => proof::refused(data),
            Self::KeySet => responses::key_set(data),
            Self::IdToken => id_token::run(data),
            Self::RenewalAnswer => renewal::run(data),
            Self::StoredRecord => stored_record::run(data),
            Self::DriverLine => lab::driver_line(data),
            Self::PropertyFile => lab::property_file(data),
        }
    }
}
