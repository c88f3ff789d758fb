//! `hallpass.toml`: the one file in which a developer names the tenant.
//!
//! The file is read entry by entry, not deserialised whole, so that each mistake is told with its line and its remedy.

// A platform has one file with the same function.
#[cfg_attr(unix, path = "owner/unix.rs")]
#[cfg_attr(not(unix), path = "owner/other.rs")]
mod owner;

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Setting;

/// How the file is called.
pub const FILE_NAME: &str = "hallpass.toml";

/// More than this is no property file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// A property file that was read: its entries in their order, values not judged yet.
#[derive(Debug, Clone)]
pub struct PropertyFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub entries: Vec<Entry>,
}

/// One line of a property file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is set.
    pub setting: Setting,
    /// The values: one, or all of a list. A switch has `true` or `false`.
    pub values: Vec<String>,
    /// The line, counted from 1.
    pub line: usize,
}

impl PropertyFile {
    /// Finds `hallpass.toml` in `folder` or the nearest folder above it, and reads it; `None` when there is none.
    ///
    /// One that another user owns, or that every user may write to, is not read: it could name a server and a store of
    /// theirs, and what is done then is done with their session. [`PropertyFile::read`] reads one that was named.
    ///
    /// # Errors
    /// [`FileError`] when it is there and cannot be used.
    pub fn find(folder: &Path) -> Result<Option<Self>, FileError> {
        let found = folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file());
        let Some(path) = found else { return Ok(None) };
        match owner::is_trusted(&path) {
            Ok(true) => Self::read(&path).map(Some),
            Ok(false) => Err(FileError { path, line: None, problem: Problem::OfAnother }),
            Err(error) => Err(FileError { path, line: None, problem: Problem::Unreadable(error.to_string()) }),
        }
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let unreadable =
            |why: String| FileError { path: path.to_owned(), line: None, problem: Problem::Unreadable(why) };
        let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if length > MAX_FILE {
            return Err(unreadable(format!("{length} bytes are too many for a property file")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(path, &text)
    }

    /// Reads `text` as the content of the file at `path`.
    ///
    /// # Errors
    /// [`FileError`], naming the line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let at =
            |offset: usize, problem| FileError { path: path.to_owned(), line: Some(line_of(text, offset)), problem };
        let table = DeTable::parse(text).map_err(|error| {
            // The parser's message may go on over several lines with the source, which is shown by its line here.
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            at(error.span().map_or(0, |span| span.start), Problem::Syntax(message))
        })?;
        let mut entries = Vec::new();
        for (key, value) in table.get_ref() {
            let offset = key.span().start;
            let setting = Setting::of_key(key.get_ref())
                .ok_or_else(|| at(offset, Problem::Unknown { key: key.get_ref().to_string() }))?;
            let values = values(setting, value).ok_or_else(|| {
                at(value.span().start, Problem::WrongType { setting, found: value.get_ref().type_str() })
            })?;
            entries.push(Entry { setting, values, line: line_of(text, offset) });
        }
        entries.sort_by_key(|entry| entry.line);
        Ok(Self { path: path.to_owned(), entries })
    }
}

/// The values of an entry when they are of the setting's type.
fn values(setting: Setting, value: &Spanned<DeValue<'_>>) -> Option<Vec<String>> {
    let value = value.get_ref();
    if setting.is_switch() {
        return value.as_bool().map(|on| vec![on.to_string()]);
    }
    match (value.as_str(), value.as_array()) {
        (Some(text), _) => Some(vec![text.to_owned()]),
        (None, Some(list)) if setting.is_list() => {
            list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        }
        (None, Some(_) | None) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// What is wrong with a property file: where, what, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with a property file before its values are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It cannot be read.
    Unreadable(String),
    /// It was found, and another user owns it or every user may write to it.
    OfAnother,
    /// It is no TOML.
    Syntax(String),
    /// It has an entry that nobody knows, such as a misspelled one.
    Unknown {
        /// The entry's key.
        key: String,
    },
    /// An entry has a value of another type.
    WrongType {
        /// The entry.
        setting: Setting,
        /// What stands there.
        found: &'static str,
    },
}

impl FileError {
    /// What to do about it.
    pub fn next_step(&self) -> String {
        match &self.problem {
            Problem::Unreadable(_) => "make it a readable text file, or name another with --config".to_owned(),
            Problem::OfAnother => {
                "name it with --config if you trust those who wrote it; or make it yours (chown) alone (chmod o-w)"
                    .to_owned()
            }
            Problem::Syntax(_) => {
                "write each setting as `key = \"value\"`; see `lab login --help` for the keys".to_owned()
            }
            Problem::Unknown { key } => match closest(key) {
                Some(setting) => format!("did you mean `{}`?", setting.key()),
                None => format!("remove it; the settings are {}", Setting::ALL.map(Setting::key).join(", ")),
            },
            Problem::WrongType { setting, .. } => format!("write it as `{}`", setting.example()),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        match &self.problem {
            Problem::Unreadable(why) => write!(formatter, ": it cannot be read: {why}"),
            Problem::OfAnother => {
                formatter.write_str(": it is not read, because another user owns it or every user may write to it")
            }
            Problem::Syntax(message) => write!(formatter, ": this is not TOML: {message}"),
            Problem::Unknown { key } => write!(formatter, ": there is no setting `{key}`"),
            Problem::WrongType { setting, found } => {
                let wanted = match (setting.is_switch(), setting.is_list()) {
                    (true, _) => "true or false",
                    (false, true) => "a string or a list of strings",
                    (false, false) => "a string",
                };
                write!(formatter, ": `{}` has to be {wanted}, not {} {found}", setting.key(), article(found))
            }
        }
    }
}

impl std::error::Error for FileError {}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The setting that `key` most likely means: the same letters in another spelling, or at most two slips away.
fn closest(key: &str) -> Option<Setting> {
    let letters =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let key = letters(key);
    let distance = |setting: &Setting| edit_distance(&key, &letters(setting.key()));
    Setting::ALL.into_iter().min_by_key(distance).filter(|setting| distance(setting) <= 2)
}

/// How many characters have to be put in, taken out or replaced to turn `from` into `to` (Levenshtein).
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (taken, character) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], taken + 1);
        for (index, wanted) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *wanted);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PropertyFile, FileError> {
        PropertyFile::parse(Path::new(FILE_NAME), text)
    }

    fn refusal(text: &str) -> String {
        let error = parse(text).unwrap_err();
        format!("{error}; {}", error.next_step())
    }

    #[test]
    fn file_with_settings_is_read_with_their_lines() {
        let file = parse(
            "# the tenant\nclient_id = \"abc\"\n\napi_origins = [\"https://a\", \"https://b\"]\n\
                          danger_allow_loopback_http = true\n",
        )
        .unwrap();
        let entry = |setting, values: &[&str], line| Entry {
            setting,
            values: values.iter().map(|&v| v.into()).collect(),
            line,
        };
        assert_eq!(
            file.entries,
            [
                entry(Setting::ClientId, &["abc"], 2),
                entry(Setting::ApiOrigins, &["https://a", "https://b"], 4),
                entry(Setting::DangerAllowLoopbackHttp, &["true"], 5),
            ]
        );
    }

    #[test]
    fn misspelled_setting_is_refused_with_its_line_and_the_right_spelling() {
        assert_eq!(
            refusal("domain = \"x\"\nclientId = \"abc\""),
            "hallpass.toml:2: there is no setting `clientId`; did you mean `client_id`?"
        );
        assert!(refusal("audince = \"x\"").ends_with("did you mean `audience`?"));
    }

    #[test]
    fn unknown_setting_is_refused_with_the_list_of_settings() {
        let refusal = refusal("colour = \"blue\"");
        assert!(refusal.contains("no setting `colour`") && refusal.contains("redirect_uri"), "{refusal}");
    }

    #[test]
    fn value_of_another_type_is_refused_with_an_example() {
        assert_eq!(
            refusal("\nclient_id = 12"),
            "hallpass.toml:2: `client_id` has to be a string, not an integer; write it as `client_id = \"aBcD1234\"`"
        );
        assert!(refusal("danger_allow_loopback_http = \"yes\"").contains("true or false, not a string"));
        assert!(refusal("api_origins = [1]").contains("a string or a list of strings"));
    }

    #[test]
    fn text_that_is_no_toml_is_refused_with_its_line() {
        assert!(refusal("domain = \"x\"\nclient_id = abc\n").starts_with("hallpass.toml:2: this is not TOML: "));
        assert!(refusal("a = 1\na = 2\n").starts_with("hallpass.toml:2: this is not TOML: "));
    }

    #[test]
    fn file_is_found_in_the_nearest_folder_above() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("one/two");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(root.path().join(FILE_NAME), "client_id = \"above\"").unwrap();
        assert_eq!(PropertyFile::find(&deep).unwrap().unwrap().entries[0].values, ["above"]);
        std::fs::write(root.path().join("one").join(FILE_NAME), "client_id = \"nearer\"").unwrap();
        assert_eq!(PropertyFile::find(&deep).unwrap().unwrap().entries[0].values, ["nearer"]);
    }

    #[cfg(unix)]
    #[test]
    fn file_that_every_user_may_write_to_is_not_found_but_read_when_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "client_id = \"x\"").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
        assert_eq!(PropertyFile::find(folder.path()).unwrap_err().problem, Problem::OfAnother);
        PropertyFile::read(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn file_of_another_user_is_not_found_but_read_when_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "client_id = \"x\"").unwrap();
        // Only root can give a file away; who is not root sees the rule in `owner` alone.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            assert_eq!(PropertyFile::find(folder.path()).unwrap_err().problem, Problem::OfAnother);
        }
        PropertyFile::read(&path).unwrap();
    }

    #[test]
    fn file_that_is_missing_or_no_text_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        assert!(matches!(PropertyFile::read(&path).unwrap_err().problem, Problem::Unreadable(_)));
        std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
        assert!(matches!(PropertyFile::read(&path).unwrap_err().problem, Problem::Unreadable(_)));
        std::fs::write(&path, vec![b'#'; 70_000]).unwrap();
        assert!(PropertyFile::read(&path).unwrap_err().to_string().contains("70000 bytes"));
    }

    #[test]
    fn distance_counts_the_slips() {
        assert_eq!(edit_distance("audience", "audience"), 0);
        assert_eq!(edit_distance("audince", "audience"), 1);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
