//! macOS hands the URL over by an event, and Windows shows the arguments of a process to its own user only.

use url::Url;

/// Nothing has to be kept.
#[derive(Debug)]
pub(super) enum Way {}

pub(super) fn open(url: &Url) -> Result<Option<Way>, ()> {
    webbrowser::open(url.as_str()).map(|()| None).map_err(drop)
}
