//! The page of results: one row a case, one column a language. It says nothing that changes from run to run.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::case::Topic;
use crate::driver::Language;

/// Whether a case passed, by its name and language.
pub type Passed = BTreeMap<(String, Language), bool>;

/// Writes the page.
pub fn page(topics: &[Topic], passed: &Passed) -> String {
    let cases = || topics.iter().flat_map(|topic| &topic.cases);
    let count = |language| cases().filter(|case| passed.get(&(case.name.clone(), language)) == Some(&true)).count();
    let counted = |language: Language| format!("{language} {}", count(language));
    let mut page = format!(
        "# Results\n\nWritten by `cargo xtask vectors`. Of {} cases passed: {}.\n",
        cases().count(),
        Language::ALL.map(counted).join(", "),
    );
    for topic in topics {
        let _infallible = write!(page, "\n## {}\n\n{}\n\n", title(&topic.name), topic.about.trim());
        page.push_str("| Case | Source | Rust | Swift | Kotlin |\n|---|---|---|---|---|\n");
        for case in &topic.cases {
            let mark = |language| match passed.get(&(case.name.clone(), language)) {
                Some(true) => "passed",
                Some(false) => "**failed**",
                None => "not run",
            };
            let marks = Language::ALL.map(mark).join(" | ");
            let _infallible = writeln!(page, "| {} | {} | {marks} |", cell(&case.name), cell(&case.source));
        }
    }
    page.push_str("\n## Stricter than the source asks\n\n| Case | Why |\n|---|---|\n");
    for case in cases() {
        if let Some(why) = &case.stricter {
            let _infallible = writeln!(page, "| {} | {} |", cell(&case.name), cell(why));
        }
    }
    page
}

/// `id_token_claims` as `ID token claims`.
fn title(name: &str) -> String {
    let words = name.replace('_', " ").replace("id token", "ID token");
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => words,
    }
}

fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_tells_what_passed_failed_and_was_not_run() {
        let case: crate::case::Case =
            toml::from_str("name = 'a | b'\nsource = 'RFC 1 §2'\nstricter = 'because'\nrequests = []").unwrap();
        let topic = Topic { name: "id_token_claims".to_owned(), about: "About.".to_owned(), cases: vec![case] };
        let passed = Passed::from([
            (("a | b".to_owned(), Language::Rust), true),
            (("a | b".to_owned(), Language::Swift), false),
        ]);
        let page = page(&[topic], &passed);
        assert!(page.contains("Of 1 cases passed: Rust 1, Swift 0, Kotlin 0."), "{page}");
        assert!(page.contains("## ID token claims\n\nAbout.\n"), "{page}");
        assert!(page.contains("| a \\| b | RFC 1 §2 | passed | **failed** | not run |"), "{page}");
        assert!(page.ends_with("| a \\| b | because |\n"), "{page}");
    }
}
