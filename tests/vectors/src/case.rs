//! The form of a case, and the reading of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hallpass_tenant::misbehaving::Behaviour;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The cases of one topic, in the order in which they stand in its file.
#[derive(Clone, Debug)]
pub struct Topic {
    /// The name of the file, without its ending.
    pub name: String,
    /// What the file says that the topic is.
    pub about: String,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What happens, in words. Unique.
    pub name: String,
    /// The specification and section, or the test of a conformance suite, that asks for the outcome.
    pub source: String,
    /// Where this client is deliberately stricter than the source asks: why.
    pub stricter: Option<String>,
    /// Members of the driver's `config` to set.
    #[serde(default)]
    pub client: Map<String, Value>,
    /// What the issuer does otherwise.
    #[serde(default)]
    pub issuer: Behaviour,
    /// What the client is told to do; a login unless given.
    #[serde(default = "one_login")]
    pub steps: Vec<Step>,
    /// All requests that the issuer sees, in their order.
    pub requests: Vec<String>,
}

fn one_login() -> Vec<Step> {
    let expected = Expected::Ok { has: Map::new(), lacks: Vec::new() };
    vec![Step { action: Action::Login, callback: None, with: Map::new(), asks: BTreeMap::new(), expected }]
}

/// What the client is told to do, and what has to come of it.
///
/// In data, a step that has nothing but a name is that name.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which one.
    pub action: Action,
    /// The URL that comes back from the browser, as a template; the right one unless given.
    pub callback: Option<String>,
    /// Members of the request to the driver.
    pub with: Map<String, Value>,
    /// Parameters that a URL for the browser has; `*` for any value that is not empty.
    pub asks: BTreeMap<String, String>,
    /// What has to come of it.
    pub expected: Expected,
}

/// What has to come of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// It succeeds, and its result has these members, and of these paths nothing but null.
    Ok {
        /// Members, where objects may have others besides.
        has: Map<String, Value>,
        /// Members that are null or not there, as `a.b`.
        lacks: Vec<String>,
    },
    /// It fails with this kind and code.
    Error {
        /// The kind of error.
        kind: String,
        /// The code.
        code: String,
    },
}

/// What a client can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `start`, then `finish`. An error of either is the step's.
    Login,
    /// Begins a login; the issuer authorizes it.
    Start,
    /// Hands a callback over.
    Finish,
    /// Asks for a device code; then the user approves.
    DeviceStart,
    /// Waits until the device login has ended.
    DeviceFinish,
    /// Gives the login in progress up.
    Cancel,
    /// Renews.
    Renew,
    /// Asks for valid credentials.
    Credentials,
    /// Asks for the user's claims.
    Userinfo,
    /// Calls the issuer's API.
    Call,
    /// Tells the user.
    User,
    /// Tells the state.
    State,
    /// Reads the record from the store once more.
    Reload,
    /// Tells what has happened since the last time; waits for as many events as are expected.
    Events,
    /// Revokes and erases.
    Revoke,
    /// Tells the page that ends the server's session.
    LogoutUrl,
    /// Logs out.
    Logout,
    /// Lets time pass for the driver: `with.seconds`.
    Advance,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTable {
    #[serde(rename = "do")]
    action: Action,
    callback: Option<String>,
    #[serde(default)]
    with: Map<String, Value>,
    #[serde(default)]
    asks: BTreeMap<String, String>,
    error: Option<String>,
    ok: Option<Map<String, Value>>,
    lacks: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    case: Vec<Case>,
}

/// Why the cases cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {source}")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Two cases have one name.
    #[error("two cases are called `{0}`")]
    Duplicate(String),
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = Value::deserialize(deserializer)?;
        let value = if value.is_string() { serde_json::json!({ "do": value }) } else { value };
        let table: StepTable = serde_json::from_value(value).map_err(D::Error::custom)?;
        let expected = match (table.error, table.ok, table.lacks) {
            (Some(error), None, None) => {
                let (kind, code) =
                    error.split_once(' ').ok_or_else(|| D::Error::custom("`error` is a kind and a code"))?;
                Expected::Error { kind: kind.to_owned(), code: code.to_owned() }
            }
            (None, has, lacks) => Expected::Ok { has: has.unwrap_or_default(), lacks: lacks.unwrap_or_default() },
            (Some(_), _, _) => return Err(D::Error::custom("a step that fails has no result")),
        };
        Ok(Self { action: table.action, callback: table.callback, with: table.with, asks: table.asks, expected })
    }
}

impl Case {
    /// Whether it moves the driver's clock, which all cases share.
    pub fn moves_the_clock(&self) -> bool {
        self.steps.iter().any(|step| step.action == Action::Advance)
    }
}

/// Reads all files of a folder, in the order of their names.
///
/// # Errors
/// [`CaseError`].
pub fn read_all(folder: &Path) -> Result<Vec<Topic>, CaseError> {
    let mut topics = Vec::new();
    for path in toml_files(folder)? {
        let file: File = read_toml(&path)?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        topics.push(Topic { name, about: file.about, cases: file.case });
    }
    let mut names = BTreeSet::new();
    for case in topics.iter().flat_map(|topic| &topic.cases) {
        if !names.insert(&case.name) {
            return Err(CaseError::Duplicate(case.name.clone()));
        }
    }
    Ok(topics)
}

/// The TOML files of a folder, in the order of their names.
pub(crate) fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let unreadable = |source| CaseError::Unreadable { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

pub(crate) fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CaseError> {
    let text = fs::read_to_string(path).map_err(|source| CaseError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|source| CaseError::Malformed { path: path.to_owned(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(text: &str) -> Result<Case, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn case_with_the_least_is_one_login_that_succeeds() {
        let case = case("name = 'n'\nsource = 's'\nrequests = []").unwrap();
        assert_eq!((case.steps.len(), case.steps[0].action), (1, Action::Login));
        assert_eq!(case.steps[0].expected, Expected::Ok { has: Map::new(), lacks: Vec::new() });
        assert!(!case.moves_the_clock());
    }

    #[test]
    fn steps_are_names_or_tables() {
        let case = case(
            "name = 'n'\nsource = 's'\nrequests = ['code']\n\
             steps = ['login', { do = 'renew', error = 'Untrusted id_token_subject' }, { do = 'user', ok.user.sub = 'ada' }]",
        )
        .unwrap();
        let actions: Vec<Action> = case.steps.iter().map(|step| step.action).collect();
        assert_eq!(actions, [Action::Login, Action::Renew, Action::User]);
        let subject = Expected::Error { kind: "Untrusted".to_owned(), code: "id_token_subject".to_owned() };
        assert_eq!(case.steps[1].expected, subject);
    }

    #[test]
    fn all_cases_are_read_and_say_what_asks_for_them() {
        let topics = read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")).unwrap();
        let cases: Vec<&Case> = topics.iter().flat_map(|topic| &topic.cases).collect();
        assert!(cases.len() >= 150 && topics.iter().all(|topic| !topic.about.is_empty()), "{}", cases.len());
        assert!(cases.iter().all(|case| !case.source.is_empty() && !case.steps.is_empty()));
    }

    #[test]
    fn mistake_in_a_case_is_told() {
        let mistake =
            |line: &str| case(&format!("name = 'n'\nsource = 's'\nrequests = []\n{line}")).unwrap_err().to_string();
        assert!(mistake("steps = ['fly']").contains("fly"));
        assert!(mistake("steps = [{ do = 'renew', error = 'Untrusted' }]").contains("a kind and a code"));
        assert!(mistake("steps = [{ do = 'renew', error = 'A b', ok = {} }]").contains("has no result"));
        assert!(mistake("isuer = {}").contains("isuer"));
        assert!(mistake("issuer.id_token.claim.sub = 1").contains("claim"));
    }
}
