//! The device authorization grant (RFC 8628): codes, how often a device asks, and the user who enters one elsewhere.

use std::collections::BTreeMap;

use serde_json::json;

use super::behaviour::Reply;
use super::{CLIENT_ID, ISSUER, Inner, Server};

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device that waits.
pub(super) struct Device {
    user_code: String,
    /// Who approved, or that somebody said no.
    answer: Option<Result<String, &'static str>>,
    expires: i64,
    last_asked: Option<i64>,
    interval: i64,
}

impl Server {
    /// The user enters the code on another device and approves.
    pub(crate) fn approve(&self, user_code: &str, user: &str) {
        self.with(|inner| {
            user.clone_into(&mut inner.user);
            inner.waiting(user_code).answer = Some(Ok(user.to_owned()));
        });
    }

    /// The user enters the code and says no.
    pub(crate) fn deny(&self, user_code: &str) {
        self.with(|inner| inner.waiting(user_code).answer = Some(Err("access_denied")));
    }
}

impl Inner {
    fn waiting(&mut self, user_code: &str) -> &mut Device {
        self.devices.values_mut().find(|device| device.user_code == user_code).expect("a code that was given out")
    }

    pub(super) fn device(&mut self, parameters: &BTreeMap<String, String>, now: i64) -> Reply {
        assert_eq!(parameters["client_id"], CLIENT_ID);
        for front_channel in ["redirect_uri", "state", "nonce", "code_challenge", "response_type"] {
            assert!(!parameters.contains_key(front_channel), "{front_channel} has no place here");
        }
        let (device_code, user_code) = (self.next("device", "x"), self.next("USER", "CODE"));
        let interval = self.behaviour.device_interval;
        let device = Device {
            user_code: user_code.clone(),
            answer: None,
            expires: now + i64::try_from(self.behaviour.device_lifetime).unwrap(),
            last_asked: None,
            interval: i64::try_from(interval.unwrap_or(5)).unwrap(),
        };
        self.devices.insert(device_code.clone(), device);
        let mut answer = json!({
            "device_code": device_code, "user_code": user_code, "verification_uri": format!("{ISSUER}/enter"),
            "verification_uri_complete": format!("{ISSUER}/enter?code={user_code}"),
            "expires_in": self.behaviour.device_lifetime,
        });
        if let Some(interval) = interval {
            answer["interval"] = interval.into();
        }
        Reply::json(200, answer.to_string())
    }

    /// Who approved, for once; or why there are no tokens (§3.5).
    pub(super) fn approved(&mut self, parameters: &BTreeMap<String, String>, now: i64) -> Result<String, &'static str> {
        let device_code = &parameters["device_code"];
        let device = self.devices.get_mut(device_code).ok_or("invalid_grant")?;
        if now >= device.expires {
            return Err("expired_token");
        }
        let asked_before = device.last_asked.replace(now);
        if asked_before.is_some_and(|before| now < before + device.interval) {
            device.interval += 5;
            return Err("slow_down");
        }
        let answer = device.answer.clone().ok_or("authorization_pending")?;
        self.devices.remove(device_code);
        answer
    }
}
