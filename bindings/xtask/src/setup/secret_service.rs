//! A message bus and gnome-keyring, for the suite that stores secrets as a Linux desktop does.

use anyhow::Result;

use super::debian;
use crate::process::is_installed;

/// What the suite starts.
pub(crate) const PROGRAMS: [&str; 3] = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"];

/// Installs what is missing with the distribution's package manager.
///
/// # Errors
/// When something is missing and cannot be installed from here; the message has the command that would.
pub(crate) fn prepare() -> Result<()> {
    if PROGRAMS.into_iter().all(is_installed) {
        println!("found {}", PROGRAMS.join(", "));
        return Ok(());
    }
    debian::install(&["dbus", "gnome-keyring"])
}
