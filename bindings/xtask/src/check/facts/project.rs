//! What exists in the project: its files and folders, its packages, and the names in its sources.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use toml::Table;

use super::document::Document;
use crate::tokens;
use crate::workspace::SourceFile;

/// The project, as far as a document can be held against it.
pub(super) struct Project {
    /// Files, and each folder that has one.
    paths: BTreeSet<String>,
    /// The anchors of each Markdown file.
    anchors: BTreeMap<String, Vec<String>>,
    packages: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Project {
    /// Reads what exists from `files`, which are all of the project.
    ///
    /// # Errors
    /// When a Rust source or a manifest cannot be read as such.
    pub(super) fn of(files: &[SourceFile]) -> Result<Self> {
        let mut project = Self {
            paths: BTreeSet::new(),
            anchors: BTreeMap::new(),
            packages: BTreeSet::new(),
            names: BTreeSet::new(),
        };
        for file in files {
            project.add(file).with_context(|| file.path.clone())?;
        }
        Ok(project)
    }

    fn add(&mut self, file: &SourceFile) -> Result<()> {
        let folders = file.path.match_indices('/').map(|(end, _)| file.path[..end].to_owned());
        self.paths.extend(folders.chain([file.path.clone()]));
        if file.path.ends_with(".md") {
            // A document is no source: it would bear witness for another one, or for itself.
            self.anchors.insert(file.path.clone(), Document::of(file).anchors);
            return Ok(());
        }
        if file.path.ends_with("Cargo.toml") {
            let manifest: Table = file.text.parse()?;
            let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
            self.packages.extend(name.map(str::to_owned));
        }
        if file.path.ends_with(".rs") {
            self.names.extend(tokens::words(&file.text)?.iter().flat_map(|text| names(text)));
        } else {
            self.names.extend(names(&file.text));
        }
        Ok(())
    }

    /// Whether a package of this name is in the workspace.
    pub(super) fn has_package(&self, name: &str) -> bool {
        self.packages.contains(name)
    }

    /// A path is meant from the document's own folder or from the root. It may leave out the folders it begins with.
    pub(super) fn check_path(&self, document: &str, path: &str) -> Result<(), String> {
        let ending = format!("/{}", path.trim_end_matches('/'));
        let found = resolved(document, path).is_some_and(|path| self.paths.contains(&path))
            || resolved("", path).is_some_and(|path| self.paths.contains(&path))
            || self.paths.iter().any(|known| known.ends_with(&ending));
        if found { Ok(()) } else { Err(format!("no file or folder `{path}`")) }
    }

    /// A link leads out of the project, to a file from the document's own folder, or to a heading.
    pub(super) fn check_link(&self, document: &Document, target: &str) -> Result<(), String> {
        if ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
            return Ok(());
        }
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let target_path = if path.is_empty() { Some(document.path.clone()) } else { resolved(&document.path, path) };
        let exists = |path: &String| path.is_empty() || *path == document.path || self.paths.contains(path);
        let Some(target_path) = target_path.filter(exists) else {
            return Err(format!("the link leads to `{path}`, which does not exist"));
        };
        let anchors =
            if target_path == document.path { Some(&document.anchors) } else { self.anchors.get(&target_path) };
        let is_heading = anchors.is_some_and(|anchors| anchors.iter().any(|heading| heading == anchor));
        if anchor.is_empty() || is_heading {
            return Ok(());
        }
        Err(format!("the link leads to `#{anchor}`, and `{target_path}` has no such heading"))
    }

    /// Each name stands in some source, as an identifier, a literal or a package. `key_roll` is there when `KeyRoll` is:
    /// what is derived from a source has the case of another language.
    pub(super) fn check_names(&self, names: &[String]) -> Result<(), String> {
        match names.iter().find(|name| !self.names.contains(&folded(name))) {
            None => Ok(()),
            Some(name) => Err(format!("no source names `{name}`")),
        }
    }
}

/// The words of `text`, without their case. Of a word with hyphens also the parts and the beginnings: `retry-after` is
/// `retry`, `after` and itself.
fn names(text: &str) -> impl Iterator<Item = String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let words = text.split(move |letter: char| !is_part(letter)).map(|word| word.trim_matches('-'));
    let beginnings = |word: &'_ str| word.match_indices('-').map(|(end, _)| folded(&word[..end])).collect::<Vec<_>>();
    words.flat_map(move |word| {
        let parts = word.split('-').map(folded);
        parts.chain(beginnings(word)).chain([folded(word)]).collect::<Vec<_>>()
    })
}

fn folded(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

/// `path` from the folder of `document`, with `.` and `..` worked out; none when it leaves the project.
fn resolved(document: &str, path: &str) -> Option<String> {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_resolved_from_the_folder_of_its_document() {
        assert_eq!(resolved("tests/lab/README.md", "../tenant/src").as_deref(), Some("tests/tenant/src"));
        assert_eq!(resolved("README.md", "./core/").as_deref(), Some("core"));
        assert_eq!(resolved("README.md", "../elsewhere"), None);
    }

    #[test]
    fn word_with_hyphens_is_known_whole_in_parts_and_by_its_beginning() {
        let found: Vec<String> = names("\"x-ratelimit-reset\"").collect();
        let known = |name: &str| found.contains(&name.to_owned());
        assert!(["x-ratelimit-reset", "x-ratelimit", "ratelimit", "reset"].into_iter().all(known));
        assert!(!known("ratelimit-reset") && !known("limit"));
    }

    #[test]
    fn name_is_known_in_the_case_of_another_language() {
        assert!(names("enum E { KeyRoll }").any(|name| name == folded("key_roll")));
    }
}
