//! What people and test suites write: lines of the driver, property files.

use std::path::Path;

use hallpass_lab::drive;
use hallpass_lab::settings::{PropertyFile, Settings};

/// A line is a request with an id, or a refusal under the id that it has, whose text is on one line.
pub(crate) fn driver_line(data: &[u8]) {
    let id = match drive::parse(data) {
        Ok(request) => request.id,
        Err(refusal) => {
            assert!(drive::RefusalCode::ALL.contains(&refusal.code) && !refusal.message.is_empty());
            if refusal.id.is_null() {
                return;
            }
            refusal.id
        }
    };
    assert!(id.is_number() || id.is_string(), "{id}");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(data).unwrap()["id"], id);
}

/// A file that is refused names a line that it has. One that is read is in order, is judged without a panic, and written
/// down again says the same.
pub(crate) fn property_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines = text.split('\n').count();
    let path = Path::new("hallpass.toml");
    let file = match PropertyFile::parse(path, text) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.line.is_some_and(|line| (1..=lines).contains(&line)), "{error:?}");
            assert!(!error.to_string().is_empty() && !error.next_step().is_empty());
            return;
        }
    };
    assert!(file.entries.is_sorted_by_key(|entry| entry.line));
    assert!(file.entries.iter().all(|entry| (1..=lines).contains(&entry.line)));
    let Ok(settings) = Settings::of_file(file) else { return };
    let written = settings.to_file();
    let again = Settings::of_file(PropertyFile::parse(path, &written).unwrap()).unwrap();
    assert_eq!(again.to_file(), written);
    assert_eq!(settings.config().is_ok(), again.config().is_ok(), "{written}");
    assert_eq!(settings.store().ok(), again.store().ok());
}
