//! Authorization requests that were pushed (RFC 9126), by the reference that the browser carries.

use std::collections::HashMap;

use crate::{
    clock::Timestamp,
    parameters::Parameters,
    random::{Purpose, Random},
};

/// For how long a reference is good.
pub(crate) const LIFETIME_SECONDS: u64 = 60;

/// What every reference begins with (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

#[derive(Default)]
pub(crate) struct PushedRequests(HashMap<String, Pushed>);

struct Pushed {
    client_id: String,
    parameters: Parameters,
    at: Timestamp,
}

impl PushedRequests {
    /// Keeps a request and returns its reference. Those that are over are forgotten.
    pub(crate) fn push(
        &mut self,
        client_id: String,
        parameters: Parameters,
        random: &mut Random,
        now: Timestamp,
    ) -> String {
        self.0.retain(|_, pushed| !now.is_past(pushed.at, LIFETIME_SECONDS));
        let reference = format!("{PREFIX}{}", random.token(Purpose::PushedRequest));
        self.0.insert(reference.clone(), Pushed { client_id, parameters, at: now });
        reference
    }

    /// The request that `parameters` refer to, for once; `None` when they refer to none that could have been pushed here.
    pub(crate) fn take(&mut self, parameters: &Parameters, now: Timestamp) -> Option<Result<Parameters, &'static str>> {
        let reference = parameters.first("request_uri").filter(|reference| reference.starts_with(PREFIX))?;
        let Some(pushed) = self.0.remove(reference) else {
            return Some(Err("The pushed request was used before, or there is none."));
        };
        Some(if parameters.first("client_id") != Some(pushed.client_id.as_str()) {
            Err("The request was pushed by another application.")
        } else if now.is_past(pushed.at, LIFETIME_SECONDS) {
            Err("The pushed request is over.")
        } else {
            Ok(pushed.parameters)
        })
    }
}
