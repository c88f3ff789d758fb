//! The one table of error codes, in the README of this crate, against the sources: neither has a code that the other lacks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hallpass_core::protocol::callback::CallbackError;
use hallpass_core::protocol::challenge::StepUp;
use hallpass_core::protocol::discovery::DiscoveryError;
use hallpass_core::protocol::error::{ErrorCode, ServerError, ServerWords};
use hallpass_core::{Error, LoginReason, OfflineCause, StorageProblem};
use hallpass_lab::drive::RefusalCode;

type Codes = BTreeSet<(String, String)>;

#[test]
fn table_in_the_readme_has_every_code_of_the_sources_and_no_other() {
    let (table, sources) = (of_the_table(), of_the_sources());
    let missing: Vec<_> = sources.difference(&table).collect();
    let gone: Vec<_> = table.difference(&sources).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the table: {missing:?}; only in the table: {gone:?}");
}

/// The first two columns of the table's rows, whose first column is a kind.
fn of_the_table() -> Codes {
    const KINDS: [&str; 10] = [
        "Cancelled",
        "LoginRequired",
        "StepUpRequired",
        "Offline",
        "Denied",
        "Storage",
        "Untrusted",
        "Misconfigured",
        "Internal",
        "InvalidRequest",
    ];
    let readme = std::fs::read_to_string(project("tests/lab/README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        let mut columns = line.strip_prefix("| `")?.split('`');
        let (kind, code) = (columns.next()?, columns.nth(1)?);
        KINDS.contains(&kind).then(|| (kind.to_owned(), code.to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    let unique: Codes = rows.iter().cloned().collect();
    assert_eq!(unique.len(), rows.len(), "a code stands twice in the table");
    unique
}

fn of_the_sources() -> Codes {
    let mut codes = Codes::new();
    let mut add = |kind: &str, code: &str| codes.extend([(kind.to_owned(), code.to_owned())]);
    let mut add_error = |error: Error| add(error.kind(), error.code());

    add_error(Error::Cancelled);
    for reason in login_reasons() {
        add_error(Error::LoginRequired { reason });
    }
    add_error(Error::StepUpRequired { step_up: StepUp::default() });
    for cause in offline_causes() {
        add_error(Error::Offline { cause, retry_after: None });
    }
    for problem in [StorageProblem::Locked, StorageProblem::Invalidated, StorageProblem::Failed("")] {
        add_error(Error::Storage { problem });
    }
    // What a server may say, as it comes out of the core: some of it is no refusal.
    for code in ErrorCode::RECOGNISED {
        add_error(ServerError::of_callback(code.as_str(), None).into());
    }
    add_error(Error::Denied { code: ErrorCode::Unrecognised, words: ServerWords::default() });
    add_error(Error::Denied { code: ErrorCode::Absent, words: ServerWords::default() });

    let core = sources("core/src");
    let protocol = sources("core/protocol/src");
    // Those that become something else than `Untrusted`.
    assert_eq!(Error::from(CallbackError::Expired).kind(), "Cancelled");
    assert_eq!(Error::from(DiscoveryError::Status { status: 404 }).kind(), "Misconfigured");
    let elsewhere = ["callback_expired", "discovery_status"];
    let settings = "client/config_error.rs";
    // Errors of a signature are told as those of the ID token that bears it; the core converts no others.
    let others = [settings, "src/error.rs", "jws/error.rs", "src/jws.rs"];
    let checks = protocol.iter().filter(|(path, _)| !others.iter().any(|other| path.ends_with(other)));
    for code in
        checks.flat_map(|(_, text)| arms_of(text, "fn code(")).filter(|code| !elsewhere.contains(&code.as_str()))
    {
        add("Untrusted", &code);
    }
    for code in core.iter().flat_map(|(_, text)| after(text, "check: \"")) {
        add("Untrusted", &code);
    }
    let (_, settings) = protocol.iter().find(|(path, _)| path.ends_with(settings)).unwrap();
    for field in arms_of(settings, "fn field(") {
        add("Misconfigured", &field);
    }
    let fields = core.iter().flat_map(|(_, text)| after(text, "field: \"").into_iter().chain(after(text, ".about(\"")));
    for field in fields.chain(sources("tests/lab/src").iter().flat_map(|(_, text)| after(text, "field: \""))) {
        add("Misconfigured", &field);
    }
    for (_, text) in core.iter().chain(&sources("tests/lab/src")) {
        for reference in after(text, "reference: \"") {
            add("Internal", &reference);
        }
    }
    for code in RefusalCode::ALL {
        add("InvalidRequest", code.as_str());
    }
    codes
}

/// All reasons. The match makes a new one show here.
fn login_reasons() -> Vec<LoginReason> {
    use LoginReason::{AnswerLost, LoggedOut, NoRefreshToken, NotSignedIn, Refused, Revoked, StorageInvalidated};
    let all = vec![NotSignedIn, NoRefreshToken, Refused, Revoked, AnswerLost, StorageInvalidated, LoggedOut];
    for reason in &all {
        match reason {
            NotSignedIn | NoRefreshToken | Refused | Revoked | AnswerLost | StorageInvalidated | LoggedOut => {}
        }
    }
    all
}

/// All causes. The match makes a new one show here.
fn offline_causes() -> Vec<OfflineCause> {
    use OfflineCause::{NoAnswer, RateLimited, ServerFailed, Tls, UnexpectedAnswer, Unreachable};
    let all = vec![Unreachable, Tls, NoAnswer, RateLimited, ServerFailed, UnexpectedAnswer];
    for cause in &all {
        match cause {
            Unreachable | Tls | NoAnswer | RateLimited | ServerFailed | UnexpectedAnswer => {}
        }
    }
    all
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The Rust sources below `folder`, each up to its unit tests. Files that are tests as a whole are left out.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    let mut folders = vec![project(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "contract" {
                folders.push(path);
            } else if name.ends_with(".rs") && !["tests.rs", "fixtures.rs", "contract.rs"].contains(&name.as_str()) {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                sources.push((path.to_string_lossy().into_owned(), text));
            }
        }
    }
    assert!(!sources.is_empty(), "no sources in {folder}");
    sources
}

/// The string literals that the arms of the functions beginning with `signature` return.
fn arms_of(text: &str, signature: &str) -> Vec<String> {
    let bodies = text.split(signature).skip(1).map(|rest| rest.split("\n    }\n").next().unwrap_or_default());
    bodies.flat_map(|body| after(body, "=> \"")).collect()
}

/// What stands between each `prefix` and the next quotation mark.
fn after(text: &str, prefix: &str) -> Vec<String> {
    text.split(prefix).skip(1).filter_map(|rest| rest.split_once('"')).map(|(code, _)| code.to_owned()).collect()
}
