//! Which key the tokens of an issuer are bound to, and whether a request proves it (RFC 9449).

use axum::http::header::AUTHORIZATION;

use super::issuer::Grant;
use crate::dpop::{ProofRefusal, ProvenRequest, UsedProofs};

const OF_ANOTHER_KEY: ProofRefusal = ProofRefusal::Invalid("the proof is by another key, or there is none");

/// The key, and the proofs that were used.
#[derive(Default)]
pub(super) struct Possession {
    used: UsedProofs,
    /// The thumbprint of the key; none is there while tokens are bearer tokens.
    bound_to: Option<String>,
}

impl Possession {
    pub(super) fn is_bound(&self) -> bool {
        self.bound_to.is_some()
    }

    /// Judges the proof of a token request that is in order otherwise; a code binds its tokens to the key that it was
    /// authorized for (§10). Returns whether there is a proof.
    pub(super) fn of_token_request(
        &mut self,
        request: &ProvenRequest<'_>,
        grant: &Grant,
        authorized_for: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<bool, ProofRefusal> {
        let proved = self.used.check(request, None, nonce)?;
        match grant {
            Grant::Code if authorized_for.is_some() && authorized_for != proved.as_deref() => Err(OF_ANOTHER_KEY),
            Grant::Refresh if self.bound_to != proved => Err(OF_ANOTHER_KEY),
            Grant::Code | Grant::Device | Grant::Refresh => {
                self.bound_to = proved;
                Ok(self.is_bound())
            }
        }
    }

    /// Judges how an access token is presented (§7.1). Returns what to call it: `at-1`, or `at-1, proved`; nothing when there
    /// is none.
    pub(super) fn of_presented(
        &mut self,
        request: &ProvenRequest<'_>,
        nonce: Option<&str>,
    ) -> Result<String, ProofRefusal> {
        let authorization =
            request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(token) = authorization.strip_prefix("DPoP ") else {
            let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
            return if self.is_bound() { Err(OF_ANOTHER_KEY) } else { Ok(token.to_owned()) };
        };
        let proved = self.used.check(request, Some(token), nonce)?;
        if proved.is_some() && proved == self.bound_to { Ok(format!("{token}, proved")) } else { Err(OF_ANOTHER_KEY) }
    }
}
