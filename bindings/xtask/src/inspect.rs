//! Looks into a compiled library before anybody ships it: is it for the right system, does it offer what the generated
//! code calls, and does it ask for nothing that nobody has reviewed?

pub(crate) mod android;
pub(crate) mod apple;
pub(crate) mod names;
pub(crate) mod privacy;
pub(crate) mod system;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};

/// Fails with every problem at once, when there are any.
///
/// # Errors
/// One line a problem, under the name of the library.
pub(crate) fn judge(library: &str, problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{library} is not as it should be:\n  {}", problems.join("\n  "))
}

/// The problem that `library` names a folder of this machine, which is nobody's business.
pub(crate) fn tells_where_it_was_built(library: &[u8], folders: &[&Path]) -> Vec<String> {
    let named = folders.iter().filter(|folder| {
        let name = folder.as_os_str().as_encoded_bytes();
        name.len() > 1 && library.windows(name.len()).any(|part| part == name)
    });
    named.map(|folder| format!("it contains the path {} of this machine", folder.display())).collect()
}

/// A line of the problem that `names` are `what`; none without names. Long lists are cut short.
fn problem_with(names: &BTreeSet<String>, what: &str) -> Option<String> {
    const SHOWN: usize = 40;
    if names.is_empty() {
        return None;
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    let ending = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some(format!("{what}: {}{ending}", shown.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_under_the_name_of_the_library() {
        let told = judge("lib.a", &["one".to_owned(), "two".to_owned()]).unwrap_err().to_string();
        assert_eq!(told, "lib.a is not as it should be:\n  one\n  two");
        assert!(judge("lib.a", &[]).is_ok());
    }

    #[test]
    fn path_of_the_machine_in_the_library_is_found() {
        let library = b"panicked at /srv/builder/.cargo/registry/x.rs";
        assert_eq!(tells_where_it_was_built(library, &[Path::new("/srv/builder")]).len(), 1);
        assert_eq!(
            tells_where_it_was_built(library, &[Path::new("/srv/other"), Path::new("/")]),
            <[String; 0]>::default()
        );
    }
}
