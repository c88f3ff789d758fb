//! Unguessable values that repeat when the tenant is started with the same seed.

use std::collections::HashMap;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};

/// What a value is for. Each purpose has a sequence of its own, so that one more session does not change every code
/// that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    AccessToken,
    AuthorizationCode,
    DeviceCode,
    KeyId,
    Login,
    PushedRequest,
    RefreshToken,
    Session,
    SessionCookie,
    UserCode,
}

/// HMAC-SHA256 in counter mode over a seed.
pub(crate) struct Random {
    key: hmac::Key,
    counters: HashMap<Purpose, u64>,
}

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes()), counters: HashMap::new() }
    }

    /// 43 characters of base64url, 256 bits.
    pub(crate) fn token(&mut self, purpose: Purpose) -> String {
        let counter = self.counters.entry(purpose).or_insert(0);
        *counter += 1;
        let tag = hmac::sign(&self.key, format!("{purpose:?} {counter}").as_bytes());
        Base64UrlUnpadded::encode_string(tag.as_ref())
    }

    /// 22 characters of base64url, for what is named rather than kept secret.
    pub(crate) fn identifier(&mut self, purpose: Purpose) -> String {
        let mut identifier = self.token(purpose);
        identifier.truncate(22);
        identifier
    }
}

/// A seed for a tenant that was not given one.
///
/// It fits into 53 bits, so that every JSON reader can read it back.
pub(crate) fn fresh_seed() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness");
    u64::from_be_bytes(bytes) >> 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_repeats_and_another_seed_differs() {
        let mut first = Random::from_seed(7);
        let mut second = Random::from_seed(7);
        let mut other = Random::from_seed(8);
        let value = first.token(Purpose::RefreshToken);
        assert_eq!(value, second.token(Purpose::RefreshToken));
        assert_ne!(value, other.token(Purpose::RefreshToken));
        assert_ne!(value, first.token(Purpose::RefreshToken), "values do not repeat within a sequence");
    }

    #[test]
    fn purpose_used_between_does_not_disturb_another() {
        let mut disturbed = Random::from_seed(7);
        let mut quiet = Random::from_seed(7);
        disturbed.token(Purpose::Session);
        assert_eq!(disturbed.token(Purpose::AuthorizationCode), quiet.token(Purpose::AuthorizationCode));
    }
}
