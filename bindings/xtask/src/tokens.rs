//! Rust sources as the compiler's lexer sees them: comments are gone, and a path is a path whatever its layout.

use std::iter::Peekable;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree, token_stream};

/// A path named in a source: `std::fs::File`, also when it was written `use std::{fs::File}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPath {
    /// Its segments.
    pub(crate) segments: Vec<String>,
    /// The line it starts on, from 1.
    pub(crate) line: usize,
}

impl NamedPath {
    /// Whether this path names `item`. A crate or module is named by a path that begins with it; a type, which has a
    /// capital letter, wherever it stands: `Instant::now` is named by `std::time::Instant::now`.
    pub(crate) fn names(&self, item: &str) -> bool {
        let wanted: Vec<&str> = item.split("::").collect();
        let anywhere = item.starts_with(char::is_uppercase);
        let places = if anywhere { self.segments.len() } else { 1 };
        self.segments.windows(wanted.len()).take(places).any(|window| window.iter().eq(wanted.iter()))
    }
}

/// Every path that `source` names outside items marked `#[cfg(test)]`.
///
/// # Errors
/// When the source is no Rust.
pub(crate) fn paths(source: &str) -> Result<Vec<NamedPath>> {
    let mut found = Vec::new();
    collect_paths(lexed(source)?, &[], &mut found);
    Ok(found)
}

/// Every identifier in `source`, and the text of its literals. Neither documentation nor what is marked `#[cfg(test)]`
/// is among them.
///
/// # Errors
/// When the source is no Rust.
pub(crate) fn words(source: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    collect_words(lexed(source)?, &mut found);
    Ok(found)
}

/// The modules that `source` keeps in files of their own, and only for tests: `#[cfg(test)] mod vectors;`.
///
/// # Errors
/// When the source is no Rust.
pub(crate) fn test_modules(source: &str) -> Result<Vec<String>> {
    let tokens: Vec<TokenTree> = lexed(source)?.into_iter().collect();
    let is_ident = |token: &TokenTree, name: &str| matches!(token, TokenTree::Ident(word) if word == name);
    let module = |window: &[TokenTree]| match window {
        [TokenTree::Group(attribute), word, TokenTree::Ident(name), TokenTree::Punct(end)]
            if is_cfg_test(attribute) && is_ident(word, "mod") && end.as_char() == ';' =>
        {
            Some(name.to_string())
        }
        _ => None,
    };
    Ok(tokens.windows(4).filter_map(module).collect())
}

fn lexed(source: &str) -> Result<TokenStream> {
    TokenStream::from_str(source).map_err(|error| anyhow!("line {}: {error}", error.span().start().line))
}

fn collect_paths(tokens: TokenStream, prefix: &[String], found: &mut Vec<NamedPath>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            // What follows `as` is a new name, not a part of the path.
            TokenTree::Ident(word) if word == "as" && !prefix.is_empty() => drop(tokens.next()),
            TokenTree::Ident(first) => {
                let line = first.span().start().line;
                let mut segments = prefix.to_vec();
                segments.push(first.to_string());
                let tree = rest_of_path(&mut tokens, &mut segments);
                match tree {
                    Some(tree) => collect_paths(tree.stream(), &segments, found),
                    None => found.push(NamedPath { segments, line }),
                }
            }
            TokenTree::Punct(mark) if mark.as_char() == '#' => match tokens.next() {
                Some(TokenTree::Group(attribute)) if is_cfg_test(&attribute) => skip_item(&mut tokens),
                Some(TokenTree::Group(attribute)) => collect_paths(attribute.stream(), &[], found),
                // `#![…]`, which belongs to the file: the loop goes on to the group.
                _ => {}
            },
            TokenTree::Group(group) => collect_paths(group.stream(), prefix, found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Takes the `::segment`s that follow. Returns the braces of a `use` tree when the path ends in one.
fn rest_of_path(tokens: &mut Peekable<token_stream::IntoIter>, segments: &mut Vec<String>) -> Option<Group> {
    loop {
        let mut ahead = tokens.clone();
        if !(is_colon(ahead.next()) && is_colon(ahead.next())) {
            return None;
        }
        match ahead.next() {
            Some(TokenTree::Ident(segment)) => segments.push(segment.to_string()),
            Some(TokenTree::Group(tree)) if tree.delimiter() == Delimiter::Brace => {
                *tokens = ahead;
                return Some(tree);
            }
            // `::<T>` or `::*`: the path ends here, the rest is looked at on its own.
            _ => return None,
        }
        *tokens = ahead;
    }
}

fn is_colon(token: Option<TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':')
}

fn is_cfg_test(attribute: &Group) -> bool {
    let condition = attribute.stream().to_string().replace(' ', "");
    condition == "cfg(test)" || condition.starts_with("cfg(all(test,")
}

/// An item ends with its braces or with a semicolon, whichever comes first.
fn skip_item(tokens: &mut Peekable<token_stream::IntoIter>) {
    for token in tokens.by_ref() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(mark) if mark.as_char() == ';' => return,
            TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn collect_words(tokens: TokenStream, found: &mut Vec<String>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) => found.push(word.to_string()),
            TokenTree::Literal(literal) => found.push(literal.to_string()),
            TokenTree::Group(group) => collect_words(group.stream(), found),
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                tokens.next_if(|next| matches!(next, TokenTree::Punct(mark) if mark.as_char() == '!'));
                match tokens.peek() {
                    Some(TokenTree::Group(attribute)) if is_documentation(attribute) => drop(tokens.next()),
                    Some(TokenTree::Group(attribute)) if is_cfg_test(attribute) => skip_item(&mut tokens),
                    Some(_) | None => {}
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

fn is_documentation(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        paths(source).unwrap().into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn use_tree_is_flattened_to_its_paths() {
        let found = named("use std::{fs::{self, File}, net::TcpStream as Socket};");
        assert_eq!(found, ["use", "std::fs::self", "std::fs::File", "std::net::TcpStream"]);
    }

    #[test]
    fn path_inside_a_macro_or_a_generic_argument_is_found() {
        let found = named("fn f() { log!(std::env::var(\"A\")); Vec::<std::fs::File>::new() }");
        assert!(found.contains(&"std::env::var".to_owned()), "{found:?}");
        assert!(found.contains(&"std::fs::File".to_owned()), "{found:?}");
    }

    #[test]
    fn comments_strings_and_test_modules_name_nothing() {
        let source =
            "// std::fs\n/// std::fs\nfn f() -> &'static str { \"std::fs\" }\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert!(paths(source).unwrap().iter().all(|path| !path.names("std::fs")));
    }

    #[test]
    fn item_after_a_test_only_item_is_seen_with_its_line() {
        let found = paths("#[cfg(test)]\nuse std::net;\nuse std::fs::read;").unwrap();
        let read = found.iter().find(|path| path.names("std::fs::read")).unwrap();
        assert_eq!(read.line, 3);
        assert!(found.iter().all(|path| !path.names("std::net")));
    }

    #[test]
    fn module_in_a_file_of_its_own_and_only_for_tests_is_told_from_the_others() {
        let source =
            "#[cfg(test)]\nmod vectors;\nmod jws;\n#[cfg(test)]\nmod inline {}\n#[cfg(all(test, unix))]\nmod unix;";
        assert_eq!(test_modules(source).unwrap(), ["vectors", "unix"]);
    }

    #[test]
    fn type_is_named_anywhere_and_a_crate_at_the_beginning() {
        let path = NamedPath { segments: ["std", "time", "Instant"].map(str::to_owned).to_vec(), line: 1 };
        assert!(path.names("Instant") && path.names("std") && path.names("std::time"));
        assert!(!path.names("Inst") && !path.names("time") && !path.names("std::Instant"));
    }

    #[test]
    fn words_have_literals_but_no_documentation_and_no_tests() {
        let found =
            words("//! Gone\n/// also_gone\n#[serde(rename = \"kept\")] struct Kept;\n#[cfg(test)]\nmod gone {}")
                .unwrap();
        assert!(found.contains(&"Kept".to_owned()) && found.contains(&"\"kept\"".to_owned()), "{found:?}");
        assert!(!found.iter().any(|word| word.contains("one")), "{found:?}");
    }

    #[test]
    fn source_that_is_no_rust_is_an_error() {
        assert!(paths("fn f( {").is_err());
    }
}
