//! Step 1: a missing or placeholder value in the property file is a clear message, not a crash.

use std::path::Path;

use super::super::stage::Stage;
use crate::settings::{FILE_NAME, PropertyFile, Settings, SettingsError};

/// What a developer copies and fills in.
const TEMPLATE: &str = include_str!("../../../hallpass.example.toml");

pub(super) fn play(stage: &mut Stage) {
    let mark = stage.mark();
    let good = format!(
        "issuer = \"{}\"\nclient_id = \"{}\"\naudience = \"{}\"\ndanger_allow_loopback_http = true\n",
        stage.tenant.issuer(),
        stage.tenant.client_id(),
        stage.tenant.audience()
    );

    stage.note("hallpass.toml without a client id:");
    let without: String =
        good.lines().filter(|line| !line.starts_with("client_id")).map(|line| format!("{line}\n")).collect();
    let missing = refused(stage, &without);
    stage.holds(
        "a missing value is named, with how to set it",
        missing.contains("`client_id` is not set") && missing.contains("client_id = \""),
        &missing,
    );

    stage.note("hallpass.toml as the template has it:");
    let placeholder = refused(stage, TEMPLATE);
    let line = TEMPLATE.lines().position(|line| line.contains("YOUR_DOMAIN")).unwrap_or_default() + 1;
    stage.holds(
        "a placeholder is refused with its file and line",
        placeholder.starts_with(&format!("{FILE_NAME}:{line}: ")) && placeholder.contains("YOUR_DOMAIN"),
        &placeholder,
    );

    stage.note("hallpass.toml filled in:");
    if stage.succeeds("a file that is filled in is accepted", read(&good)).is_some() {
        stage.holds("a file that is filled in is accepted", true, "");
    }
    stage.sees("nothing was sent for any of this", mark, "nothing");
}

/// What the app shows for a property file that it cannot use; empty when it can.
fn refused(stage: &Stage, text: &str) -> String {
    let message = match read(text) {
        Ok(()) => String::new(),
        Err(error) => format!("{error}\n{}", error.next_step()),
    };
    stage.said(&message);
    message
}

fn read(text: &str) -> Result<(), SettingsError> {
    let file = PropertyFile::parse(Path::new(FILE_NAME), text)?;
    Settings::of_file(file)?.config().map(drop)
}
