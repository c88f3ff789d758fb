//! Devices that wait for a user to enter their code (RFC 8628).

use std::collections::HashMap;

use crate::{
    authorization_request::AuthorizationRequest,
    clock::Timestamp,
    grants::GrantId,
    random::{Purpose, Random},
};

/// Letters that are hard to mistake and make no words (RFC 8628 §6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

#[derive(Default)]
pub(crate) struct Devices(HashMap<String, Device>);

struct Device {
    user_code: String,
    request: AuthorizationRequest,
    at: Timestamp,
    last_asked: Option<Timestamp>,
    interval_seconds: u64,
    answer: Option<Result<GrantId, ()>>,
}

/// Why a device gets no tokens (RFC 8628 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceRefusal {
    Unknown,
    Pending,
    SlowDown,
    Denied,
    Expired,
}

impl Devices {
    /// Begins to wait. Returns the device code and the user code.
    pub(crate) fn begin(
        &mut self,
        request: AuthorizationRequest,
        interval_seconds: u64,
        random: &mut Random,
        now: Timestamp,
    ) -> (String, String) {
        let device_code = random.token(Purpose::DeviceCode);
        let mut user_code: String = random
            .token(Purpose::UserCode)
            .bytes()
            .take(8)
            .map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]))
            .collect();
        user_code.insert(4, '-');
        let device = Device {
            user_code: user_code.clone(),
            request: AuthorizationRequest { device: Some(user_code.clone()), ..request },
            at: now,
            last_asked: None,
            interval_seconds,
            answer: None,
        };
        self.0.insert(device_code.clone(), device);
        (device_code, user_code)
    }

    /// What the device with this code asks for, as a person may write the code.
    pub(crate) fn waiting(&self, typed: &str, lifetime: u64, now: Timestamp) -> Option<&AuthorizationRequest> {
        let letters = |code: &str| -> String {
            code.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect()
        };
        let device = self.0.values().find(|device| letters(&device.user_code) == letters(typed))?;
        (device.answer.is_none() && !now.is_past(device.at, lifetime)).then_some(&device.request)
    }

    /// Keeps what the person decided.
    pub(crate) fn answer(&mut self, user_code: &str, answer: Result<GrantId, ()>) {
        if let Some(device) = self.0.values_mut().find(|device| device.user_code == user_code) {
            device.answer = Some(answer);
        }
    }

    /// What was decided, for once.
    pub(crate) fn ask(
        &mut self,
        device_code: &str,
        client_id: &str,
        lifetime: u64,
        now: Timestamp,
    ) -> Result<GrantId, DeviceRefusal> {
        let device = self
            .0
            .get_mut(device_code)
            .filter(|device| device.request.client_id == client_id)
            .ok_or(DeviceRefusal::Unknown)?;
        if now.is_past(device.at, lifetime) {
            return Err(DeviceRefusal::Expired);
        }
        let before = device.last_asked.replace(now);
        if before.is_some_and(|before| !now.is_past(before, device.interval_seconds)) {
            device.interval_seconds += 5;
            return Err(DeviceRefusal::SlowDown);
        }
        let answer = device.answer.ok_or(DeviceRefusal::Pending)?;
        self.0.remove(device_code);
        answer.map_err(|()| DeviceRefusal::Denied)
    }
}
