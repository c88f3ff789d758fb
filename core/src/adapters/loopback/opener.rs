//! How a page is opened in the user's own browser.

// A platform has one file with the same function.
#[cfg_attr(any(target_os = "macos", windows), path = "opener/direct.rs")]
#[cfg_attr(not(any(target_os = "macos", windows)), path = "opener/through_a_file.rs")]
mod platform;

use url::Url;

use crate::ports::BrowserError;

/// A page that was asked for. Keep it until the user has come back: dropping it takes away what the browser may yet have to
/// read.
#[derive(Debug)]
#[must_use = "dropping it takes away what the browser may yet have to read"]
pub struct OpenedPage {
    /// A file that leads to the page, where there has to be one.
    _way: Option<platform::Way>,
}

/// Opens `url` in the system's default browser, so that no other user of the machine learns it.
///
/// An authorization URL has the `state` of a login in it. Who knows it can sign in as themselves and bring that answer first.
/// On Linux and the BSDs every user can list the arguments of every process, and a browser gets its page by an argument. So it
/// gets the name of a file there, which only this user can read and which leads on to the page. A system that mounts `/proc`
/// with `hidepid` hides the arguments anyway; on macOS and Windows they are not used for this, or not shown to others.
///
/// # Errors
/// [`BrowserError::Failed`] when there is no browser.
pub fn open_page(url: &Url) -> Result<OpenedPage, BrowserError> {
    let way = platform::open(url).map_err(|()| BrowserError::Failed("no browser could be opened"))?;
    Ok(OpenedPage { _way: way })
}
