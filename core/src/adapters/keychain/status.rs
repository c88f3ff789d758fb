//! What the Keychain's statuses mean (`SecBase.h` of Security 61901, and how `SecItem.m` there makes them).
//!
//! No status ends a session. `errSecAuthFailed` stands for every error of `LocalAuthentication` but three: a phone call, the app
//! in the background, too many attempts, biometry switched off in the Settings. And an item whose key is gone is not there
//! any more when it is looked for, so that no status tells of it: see the marker in `entries.rs`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::ports::StoreError;

/// An `OSStatus` other than success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status(pub(super) i32);

impl Status {
    pub(super) const PARAMETER: Self = Self(-50);
    pub(super) const USER_CANCELED: Self = Self(-128);
    pub(super) const AUTHENTICATION_FAILED: Self = Self(-25293);
    pub(super) const DUPLICATE_ITEM: Self = Self(-25299);
    pub(super) const ITEM_NOT_FOUND: Self = Self(-25300);
    pub(super) const INTERACTION_NOT_ALLOWED: Self = Self(-25308);
    pub(super) const INTERACTION_REQUIRED: Self = Self(-25315);
    pub(super) const MISSING_ENTITLEMENT: Self = Self(-34018);
}

/// Those that an engineer can do something about. Each text names the status, so that it can be searched for.
const KNOWN: [(i32, &str); 12] = [
    (-34, "the disk is full (OSStatus -34)"),
    (-50, "the keychain refused a parameter (errSecParam, OSStatus -50)"),
    (-61, "the keychain may not be written to (errSecWrPerm, OSStatus -61)"),
    (-108, "the keychain is out of memory (errSecAllocate, OSStatus -108)"),
    (-25243, "the app is not among those that may use the item (errSecNoAccessForItem, OSStatus -25243)"),
    (-25291, "there is no keychain (errSecNotAvailable, OSStatus -25291)"),
    (-25299, "the item was added by another process again and again (errSecDuplicateItem, OSStatus -25299)"),
    (-25302, "the value is too large for the keychain (errSecBufferTooSmall, OSStatus -25302)"),
    (-25307, "the user has no default keychain (errSecNoDefaultKeychain, OSStatus -25307)"),
    (-26275, "the item could not be decoded (errSecDecode, OSStatus -26275)"),
    (
        -34018,
        "the app lacks the entitlement for the keychain or its access group: add the capability Keychain Sharing \
         (errSecMissingEntitlement, OSStatus -34018)",
    ),
    (-67671, "the keychain's daemon is not reachable (errSecServiceNotAvailable, OSStatus -67671)"),
];

impl From<Status> for StoreError {
    fn from(status: Status) -> Self {
        match status {
            Status::INTERACTION_NOT_ALLOWED
            | Status::INTERACTION_REQUIRED
            | Status::USER_CANCELED
            | Status::AUTHENTICATION_FAILED => Self::Locked,
            Status(code) => Self::Failed(text(code)),
        }
    }
}

fn text(code: i32) -> &'static str {
    KNOWN.iter().find(|(known, _)| *known == code).map_or_else(|| text_of_another(code), |(_, text)| *text)
}

/// Errors carry texts that live as long as the program. There are some hundred statuses and one device shows a few of them, so
/// each text is made once and kept.
fn text_of_another(code: i32) -> &'static str {
    const MOST: usize = 64;
    static TEXTS: Mutex<BTreeMap<i32, &'static str>> = Mutex::new(BTreeMap::new());

    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = texts.get(&code) {
        return text;
    }
    if texts.len() == MOST {
        return "the keychain reported an error";
    }
    let text = String::leak(format!("the keychain reported an error (OSStatus {code})"));
    texts.insert(code, text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_was_not_recognised_or_interrupted_leaves_the_store_locked_and_no_status_is_final() {
        for status in [
            Status::AUTHENTICATION_FAILED,
            Status::USER_CANCELED,
            Status::INTERACTION_NOT_ALLOWED,
            Status::INTERACTION_REQUIRED,
        ] {
            assert_eq!(StoreError::from(status), StoreError::Locked);
        }
        for (code, text) in KNOWN {
            assert_eq!(StoreError::from(Status(code)), StoreError::Failed(text));
        }
    }

    #[test]
    fn every_text_of_a_status_names_it() {
        for (code, text) in KNOWN {
            assert!(text.contains(&format!("OSStatus {code})")), "{text}");
        }
    }

    #[test]
    fn a_status_that_no_list_has_is_told_by_its_number() {
        for _ in 0..2 {
            assert_eq!(
                StoreError::from(Status(-987_654)),
                StoreError::Failed("the keychain reported an error (OSStatus -987654)")
            );
        }
    }
}
