//! What has to hold for the sources themselves: modules form no circle, and the rules that they name are in
//! `core/docs/rules.md`, each with the tests that hold it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is how a failure is told")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The number of rules.
const RULES: usize = 17;

type Module = Vec<String>;
type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The code of a file without comments and without its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Which module of `folder` names which. The root is the file `folder.rs` or `folder/lib.rs`.
fn graph(folder: &Path) -> Graph {
    let named = |file: &Path| -> Module {
        let path = file.strip_prefix(folder).unwrap().with_extension("");
        let parts: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        parts.into_iter().filter(|part| part != "mod" && part != "lib").collect()
    };
    let mut files: BTreeMap<Module, PathBuf> =
        rust_files(folder).into_iter().map(|file| (named(&file), file)).collect();
    files.entry(Vec::new()).or_insert_with(|| folder.with_extension("rs"));
    let known: BTreeSet<Module> = files.keys().cloned().collect();
    let is_crate = folder.join("lib.rs").exists();
    files.iter().map(|(module, file)| (module.clone(), names(&code(file), module, &known, is_crate))).collect()
}

/// The modules that `code` names by a path: the longest beginning of each path that is a module.
fn names(code: &str, module: &Module, known: &BTreeSet<Module>, is_crate: bool) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("::") {
        let head = code[..at].rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap();
        let begins = !code[..at - head.len()].ends_with("::");
        let base = match head {
            "self" if begins => module.clone(),
            "super" if begins => module[..module.len().saturating_sub(1)].to_vec(),
            "crate" if begins && is_crate => Vec::new(),
            _ => continue,
        };
        for path in paths(&code[at + 2..]) {
            let mut place = base.clone();
            let mut rest = path.as_slice();
            while rest.first().is_some_and(|part| part == "super") {
                place.pop();
                rest = &rest[1..];
            }
            let longest = (0..=rest.len()).rev().map(|length| [&place[..], &rest[..length]].concat());
            // A path into the root itself names an item of it, unless it names one of its modules.
            found.extend(
                longest.into_iter().find(|candidate| known.contains(candidate)).filter(|found| found != module),
            );
        }
    }
    found
}

/// The paths that `text` begins with: one, or one for each member of a group in braces.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap();
            let member = |member: &str| {
                let first = member.trim().split("::").next().unwrap().to_owned();
                [path.clone(), vec![first]].concat()
            };
            return group.split(',').filter(|part| !part.trim().is_empty()).map(member).collect();
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        path.push(rest[..end].to_owned());
        match rest[end..].strip_prefix("::") {
            Some(more) => rest = more,
            None => return vec![path],
        }
    }
}

/// The groups of modules that reach each other.
fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let reached = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for named in &graph[module] {
                if seen.insert(named) {
                    next.push(named);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<&Module>> = graph.keys().map(|module| (module, reached(module))).collect();
    let mut circles = BTreeSet::new();
    for (module, seen) in &reach {
        let circle: Vec<String> = seen
            .iter()
            .filter(|other| reach[*other].contains(module))
            .map(|other| if other.is_empty() { "(root)".to_owned() } else { other.join("/") })
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

#[test]
fn modules_of_the_session_form_no_circle_but_a_parent_and_its_child() {
    let graph = graph(&root().join("src/session"));
    assert!(graph.len() > 20 && graph.values().map(BTreeSet::len).sum::<usize>() > 60, "the modules were found");
    let larger: Vec<_> = circles(&graph).into_iter().filter(|circle| circle.len() > 2).collect();
    assert_eq!(larger, Vec::<Vec<String>>::new());
}

#[test]
fn modules_of_the_protocol_form_no_circle() {
    let graph = graph(&root().join("protocol/src"));
    assert!(graph.len() > 25 && graph.values().map(BTreeSet::len).sum::<usize>() > 60, "the modules were found");
    assert_eq!(circles(&graph), Vec::<Vec<String>>::new());
}

#[test]
fn a_circle_of_three_modules_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let graph: Graph = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
        .into_iter()
        .map(|(from, to)| (module(from), BTreeSet::from([module(to)])))
        .collect();
    assert_eq!(circles(&graph), [["a", "b", "c"].map(str::to_owned).to_vec()]);
}

/// The numbers of the rules that `text` mentions, as in "rule 3", "rules 4 and 8", "rules 4 to 6", "rules 1, 2".
fn mentioned(text: &str) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    let lower = text.to_lowercase();
    for word in ["rule ", "rules "] {
        for (at, _) in lower.match_indices(word) {
            let rest = &lower[at + word.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_digit() || " ,andto".contains(c))).unwrap_or(rest.len());
            let list = &rest[..end];
            if list.starts_with(|c: char| c.is_ascii_digit()) {
                numbers.extend(
                    list.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<usize>().ok()),
                );
            }
        }
    }
    numbers
}

/// The rules whose tests are in `text`, by the tests' names.
fn tested(text: &str) -> BTreeSet<usize> {
    text.match_indices("fn rule_")
        .filter_map(|(at, found)| text[at + found.len()..].split('_').next()?.parse().ok())
        .collect()
}

fn tests_by_rule() -> BTreeMap<usize, BTreeSet<String>> {
    let repository = root().parent().unwrap().to_owned();
    let mut by_rule: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files(&root().join("tests")) {
        let path = file.strip_prefix(&repository).unwrap().to_str().unwrap().to_owned();
        for rule in tested(&fs::read_to_string(&file).unwrap()) {
            by_rule.entry(rule).or_default().insert(path.clone());
        }
    }
    by_rule
}

#[test]
fn every_rule_has_tests_and_the_document_names_their_files() {
    let document = fs::read_to_string(root().join("docs/rules.md")).unwrap();
    let tests = tests_by_rule();
    assert_eq!(tests.keys().copied().collect::<Vec<_>>(), (1..=RULES).collect::<Vec<_>>(), "each rule has a test");
    let mut sections = document.split("\n## Rule ").skip(1);
    for (rule, files) in tests {
        let section = sections.next().unwrap_or_else(|| panic!("rule {rule} is not in the document"));
        assert!(section.starts_with(&format!("{rule}: ")), "rule {rule} in its place");
        let listed: BTreeSet<String> = section
            .lines()
            .filter_map(|line| line.strip_prefix("- [`")?.split_once("`](../../").map(|(path, _)| path.to_owned()))
            .collect();
        assert_eq!(listed, files, "the files listed under rule {rule}");
    }
    assert_eq!(sections.next(), None, "there are no more rules");
}

#[test]
fn every_rule_that_the_code_mentions_is_one() {
    let repository = root().parent().unwrap().to_owned();
    let mut mentions = 0;
    for folder in ["core/src", "core/tests", "bindings/src", "tests/simulation/src", "tests/soak/src"] {
        for file in rust_files(&repository.join(folder)) {
            let numbers = mentioned(&fs::read_to_string(&file).unwrap());
            mentions += numbers.len();
            assert!(numbers.iter().all(|number| (1..=RULES).contains(number)), "{}: {numbers:?}", file.display());
        }
    }
    assert!(mentions > 50, "{mentions} mentions were found");
}

#[test]
fn mentions_of_rules_are_read_in_all_forms() {
    assert_eq!(
        mentioned("(rule 3) and rules 4 and 8, rules 4 to 6; Rules 1, 2: a rule of thumb"),
        [1, 2, 3, 4, 6, 8].into()
    );
    assert_eq!(mentioned(&format!("rule {}", RULES + 1)), [RULES + 1].into());
}
