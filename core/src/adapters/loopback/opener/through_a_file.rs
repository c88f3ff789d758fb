//! Linux and the BSDs: a file that leads to the page.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use url::Url;

/// The file, removed with this.
#[derive(Debug)]
pub(super) struct Way(PathBuf);

impl Drop for Way {
    fn drop(&mut self) {
        // Nothing can be done about one that stays: it is worth nothing once the login is over.
        drop(fs::remove_file(&self.0));
    }
}

pub(super) fn open(url: &Url) -> Result<Option<Way>, ()> {
    let way = folder().and_then(|folder| write(&folder, url)).ok_or(())?;
    let file = Url::from_file_path(&way.0)?;
    webbrowser::open(file.as_str()).map(|()| Some(way)).map_err(drop)
}

/// The home directory, and no hidden folder in it or in `/tmp`: browsers that come as a snap can read neither.
fn folder() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute() && home.is_dir());
    home.or_else(|| Some(std::env::temp_dir()))
}

fn write(folder: &Path, url: &Url) -> Option<Way> {
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).ok()?;
    let path = folder.join(format!("hallpass-login-{:016x}.html", u64::from_ne_bytes(random)));
    // Never one that is there, also not through a link that somebody left.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).ok()?;
    let way = Way(path);
    file.write_all(page(url).as_bytes()).ok()?;
    Some(way)
}

fn page(url: &Url) -> String {
    let url = url.as_str().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>One moment</title>\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta http-equiv=\"refresh\" content=\"0;url={url}\">\n\
         <p><a href=\"{url}\">Go on</a></p>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_for_its_owner_only_and_goes_with_the_visit() {
        let folder = tempfile::tempdir().unwrap();
        let url = Url::parse("https://issuer.example/authorize?a=1&state=x\"'<y>").unwrap();
        let way = write(folder.path(), &url).unwrap();
        assert_eq!(fs::metadata(&way.0).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&way.0).unwrap();
        assert!(text.contains("content=\"0;url=https://issuer.example/authorize?a=1&amp;state=x%22"), "{text}");
        assert!(!text.contains("<y>"), "{text}");
        drop(way);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
