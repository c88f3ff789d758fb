//! What the App Store asks for a reason of: the functions of Apple's list of "required reason APIs" that the library needs
//! have to be in the privacy manifest of the package and in that of the app, or an upload is answered with ITMS-91053.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use crate::workspace;

/// The manifests: of the package, and of the app, whose binary the library becomes a part of.
const MANIFESTS: [&str; 2] =
    ["bindings/swift/Sources/Hallpass/PrivacyInfo.xcprivacy", "ios-app/HallpassLab/PrivacyInfo.xcprivacy"];

/// The functions of the list that C has names for, by category ("Describing use of required reason API").
const CATEGORIES: [(&str, &[&str]); 3] = [
    (
        "NSPrivacyAccessedAPICategoryFileTimestamp",
        &["stat", "fstat", "fstatat", "lstat", "getattrlist", "fgetattrlist", "getattrlistat", "getattrlistbulk"],
    ),
    ("NSPrivacyAccessedAPICategorySystemBootTime", &["mach_absolute_time"]),
    ("NSPrivacyAccessedAPICategoryDiskSpace", &["statfs", "fstatfs", "statvfs", "fstatvfs"]),
];

/// The texts of the manifests, by their paths.
pub(crate) struct Manifests(BTreeMap<&'static str, String>);

impl Manifests {
    /// # Errors
    /// When one is not there.
    pub(crate) fn read() -> Result<Self> {
        let read = |path| {
            let text = std::fs::read_to_string(workspace::root().join(path));
            Ok((path, text.with_context(|| format!("cannot read {path}"))?))
        };
        Ok(Self(MANIFESTS.into_iter().map(read).collect::<Result<_>>()?))
    }

    /// What is not declared of what a library needs, as C spells it.
    pub(crate) fn problems(&self, needed: &BTreeSet<String>) -> Vec<String> {
        let mut problems = Vec::new();
        for (category, functions) in CATEGORIES {
            // `stat$INODE64` is `stat`.
            let is_listed = |name: &&String| functions.contains(&name.split('$').next().unwrap_or_default());
            let used: Vec<&str> = needed.iter().filter(is_listed).map(String::as_str).collect();
            let declaration = format!("<string>{category}</string>");
            for (path, text) in &self.0 {
                if !used.is_empty() && !text.contains(&declaration) {
                    problems
                        .push(format!("{path} does not declare {category}, which it needs for {}", used.join(", ")));
                }
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(names: &[&str]) -> BTreeSet<String> {
        names.iter().copied().map(str::to_owned).collect()
    }

    fn manifest(text: &str) -> Manifests {
        Manifests(BTreeMap::from([("PrivacyInfo.xcprivacy", text.to_owned())]))
    }

    #[test]
    fn function_that_needs_a_reason_and_has_none_is_caught() {
        let timestamps = manifest("<string>NSPrivacyAccessedAPICategoryFileTimestamp</string>");
        assert_eq!(timestamps.problems(&needed(&["malloc", "lstat", "stat$INODE64"])), <[String; 0]>::default());
        assert_eq!(
            timestamps.problems(&needed(&["statfs", "mach_absolute_time"])),
            [
                "PrivacyInfo.xcprivacy does not declare NSPrivacyAccessedAPICategorySystemBootTime, which it needs for \
                 mach_absolute_time",
                "PrivacyInfo.xcprivacy does not declare NSPrivacyAccessedAPICategoryDiskSpace, which it needs for statfs",
            ]
        );
        assert_eq!(manifest("").problems(&needed(&["stat$INODE64"])).len(), 1);
    }

    #[test]
    fn manifests_declare_what_the_reviewed_list_of_names_can_need() {
        let system = crate::inspect::system::System::apple().unwrap();
        let all = system.libraries().flat_map(|(_, names)| names.iter().cloned()).collect();
        assert_eq!(Manifests::read().unwrap().problems(&all), <[String; 0]>::default());
    }
}
