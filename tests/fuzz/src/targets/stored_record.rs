//! What a store gives back.

use hallpass_core::protocol::http::{Headers, Response};
use hallpass_core::{Credentials, Error, LoginReason, State, StorageProblem, User};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::device::Device;

const NEXT_REFRESH_TOKEN: &str = "next-refresh-token";

/// Reading a record changes nothing, whatever it is, and what is believed has its check. What was believed and renewed
/// reads the same again in the next process; what a newer version wrote is not overwritten.
///
/// An input that begins with `{` is the body of a record, and gets the check that goes before it; any other is the whole
/// text.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let record = if text.starts_with('{') { framed(text) } else { text.to_owned() };
    let device = Device::holding(&record);
    let session = device.session(Box::new(|_| None));
    let restored = device.runtime.block_on(session.restored());
    let stored = device.stored().unwrap();
    // A renewal that was interrupted is finished as soon as the record is read, and noted anew before that.
    assert!(stored == record || is_framed(&stored) && is_interrupted(&record), "reading a record has changed it");
    drop(session);

    match restored {
        Ok(State::SignedIn { user } | State::LoginRequired { user, .. }) => {
            assert!(is_framed(&record), "a text without its check was believed");
            assert!(!user.sub().is_empty());
            renew(&device, &user);
        }
        Ok(State::SignedOut { .. }) => {}
        Ok(State::Restoring { .. }) => unreachable!("it was waited for"),
        Err(error) => {
            let Error::Storage { problem: StorageProblem::Failed(what) } = error else {
                unreachable!("a memory store does not fail: {error}")
            };
            assert!(what.contains("newer version"), "{what}");
            renewed(&device).unwrap_err();
            assert_eq!(device.stored().as_deref(), Some(record.as_str()), "a newer version's record was overwritten");
        }
    }
}

/// Renews in one process and reads in the next.
fn renew(device: &Device, user: &User) {
    let renewal = renewed(device);
    let session = device.session(Box::new(|_| None));
    let (State::SignedIn { user: same } | State::LoginRequired { user: same, .. }) =
        device.runtime.block_on(session.restored()).unwrap()
    else {
        unreachable!("signed out by a renewal that the server did not refuse: {renewal:?}")
    };
    assert_eq!(same.sub(), user.sub());
    match renewal {
        Ok(_) => {
            let stored = device.stored().unwrap();
            assert!(is_framed(&stored) && stored.contains(NEXT_REFRESH_TOKEN), "a rotated token was lost");
        }
        Err(error) => assert_eq!(error, Error::LoginRequired { reason: LoginReason::NoRefreshToken }),
    }
}

fn renewed(device: &Device) -> hallpass_core::Result<Credentials> {
    let session = device.session(Box::new(|_| {
        let body = format!(
            r#"{{"access_token":"next-access-token","refresh_token":"{NEXT_REFRESH_TOKEN}","token_type":"Bearer","expires_in":60}}"#
        );
        Some(Response { status: 200, headers: Headers::new(), body: body.into_bytes() })
    }));
    device.runtime.block_on(session.renew())
}

/// The body as a record of version 1.
pub(crate) fn framed(body: &str) -> String {
    let check = digest(&SHA256, body.as_bytes());
    let check: String = check.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("1.{check}.{body}")
}

fn is_interrupted(record: &str) -> bool {
    // What a record may have beside its members is skipped, as the core does: it need not be text.
    #[derive(Deserialize)]
    struct Body {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        signed_in: SignedIn,
    }
    #[derive(Deserialize)]
    struct SignedIn {
        refresh: Refresh,
    }
    #[derive(Deserialize)]
    struct Refresh {
        attempt: Option<IgnoredAny>,
    }
    let body = record.splitn(3, '.').nth(2).and_then(|body| serde_json::from_str(body).ok());
    body.is_some_and(|body: Body| body.content.signed_in.refresh.attempt.is_some())
}

fn is_framed(text: &str) -> bool {
    text.splitn(3, '.').nth(2).is_some_and(|body| framed(body) == text)
}
