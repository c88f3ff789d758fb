//! A Markdown document, as the list of what it claims about the project.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::workspace::SourceFile;

/// One document.
pub(super) struct Document {
    /// From the root.
    pub(super) path: String,
    /// What it claims, each with its line, from 1.
    pub(super) claims: Vec<(usize, Claim)>,
    /// The anchors of its headings.
    pub(super) anchors: Vec<String>,
}

/// Something that a document says exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// The target of a link or a picture.
    Link(String),
    /// A file or folder.
    Path(String),
    /// A command line, split into words.
    Command(Vec<String>),
    /// Names that a source must have.
    Names(Vec<String>),
}

/// A command line in code font begins with one of these and has at least two words.
const PROGRAMS: &[&str] = &["bash", "cargo", "git", "lab", "openssl", "rustup"];

/// A word that ends like this is a file even without a folder.
const FILE_ENDINGS: &[&str] =
    &[".json", ".kt", ".kts", ".lock", ".md", ".plist", ".rs", ".sh", ".svg", ".swift", ".toml", ".xml", ".yml"];

impl Document {
    /// Reads the claims of `file`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other events of Markdown claim nothing")]
    pub(super) fn of(file: &SourceFile) -> Self {
        let mut document = Self { path: file.path.clone(), claims: Vec::new(), anchors: Vec::new() };
        let mut heading: Option<String> = None;
        let mut block: Option<(String, String, usize)> = None;
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        for (event, span) in Parser::new_ext(&file.text, options).into_offset_iter() {
            let line = file.text[..span.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.claims.push((line, Claim::Link(dest_url.into_string())));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => document.anchors.extend(heading.take().map(|text| anchor(&text))),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    block = Some((language.into_string(), String::new(), line + 1));
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                    block = Some((String::new(), String::new(), line));
                }
                Event::End(TagEnd::CodeBlock) => {
                    let claims = block.take().map(|(language, text, line)| block_claims(&language, &text, line));
                    document.claims.extend(claims.into_iter().flatten());
                }
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    document.claims.extend(span_claim(&code).map(|claim| (line, claim)));
                }
                Event::Text(text) => match (&mut heading, &mut block) {
                    (Some(heading), _) => heading.push_str(&text),
                    (None, Some((_, block, _))) => block.push_str(&text),
                    (None, None) => {}
                },
                Event::Html(html) | Event::InlineHtml(html) => {
                    document.claims.extend(html_targets(&html).map(|target| (line, Claim::Link(target))));
                }
                _ => {}
            }
        }
        document
    }
}

/// GitHub's anchor of a heading: lower case, words joined by hyphens, punctuation gone.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>().to_lowercase()
}

/// What one span of code font claims.
fn span_claim(code: &str) -> Option<Claim> {
    let words = shell_words(code);
    if words.len() > 1 && PROGRAMS.contains(&words[0].as_str()) {
        return Some(Claim::Command(words));
    }
    if !code.contains(char::is_whitespace) && looks_like_a_path(code) {
        return Some(Claim::Path(code.to_owned()));
    }
    let names: Vec<String> = names_in(code).map(str::to_owned).collect();
    (!names.is_empty()).then_some(Claim::Names(names))
}

/// `/token` is an endpoint, `~/x` and `$X/y` are somebody's folders, `text/html` is a media type: none is a path of the
/// project.
fn looks_like_a_path(code: &str) -> bool {
    let elsewhere = code.starts_with(['/', '~', '$', '{']) || code.contains("://");
    let media_type = ["application/", "text/", "image/"].iter().any(|kind| code.starts_with(kind));
    let file = FILE_ENDINGS.iter().any(|ending| code.len() > ending.len() && code.ends_with(ending));
    !elsewhere && !media_type && (code.contains('/') || file)
}

/// The identifiers in `code`: `hallpass-core`, `Session`, `renew`; flags lose their hyphens.
fn names_in(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')))
        .map(|name| name.trim_matches('-'))
        .filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
}

fn block_claims(language: &str, text: &str, first_line: usize) -> Vec<(usize, Claim)> {
    let language = language.split([',', ' ']).next().unwrap_or_default();
    match language {
        "sh" | "bash" | "shell" => commands(text, first_line, |line| Some(line)),
        // Only what follows a prompt was typed; the rest is what was printed.
        "console" => commands(text, first_line, |line| line.strip_prefix("$ ")),
        "rust" | "swift" | "kotlin" => examples(text, first_line),
        "" | "text" => drawing(text, first_line),
        _ => Vec::new(),
    }
}

fn commands(text: &str, first_line: usize, typed: impl Fn(&str) -> Option<&str>) -> Vec<(usize, Claim)> {
    let mut claims = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(mut command) = typed(line.trim()).map(str::to_owned) else { continue };
        while command.ends_with('\\') {
            command.pop();
            command.push_str(lines.next().map_or("", |(_, more)| more));
        }
        for part in command.split("&&") {
            let words = shell_words(part);
            if !words.is_empty() {
                claims.push((first_line + index, Claim::Command(words)));
            }
        }
    }
    claims
}

/// The words of a shell command: quotes keep a word together, `#` begins a comment.
fn shell_words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The names in an example that are not its own: types, and what is called on something.
fn examples(text: &str, first_line: usize) -> Vec<(usize, Claim)> {
    let mut claims = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = without_strings(line.split("//").next().unwrap_or_default());
        let is_foreign = |name: &&str| {
            // The name is a part of `code`, so its place is the distance of the two beginnings.
            let at = name.as_ptr() as usize - code.as_ptr() as usize;
            name.starts_with(char::is_uppercase) || code[..at].ends_with(['.', ':'])
        };
        let names: Vec<String> = names_in(&code).filter(is_foreign).map(str::to_owned).collect();
        if !names.is_empty() {
            claims.push((first_line + index, Claim::Names(names)));
        }
    }
    claims
}

/// In a drawing or an outline only what can be nothing else is a claim: a file by its ending, and `Type::method`.
fn drawing(text: &str, first_line: usize) -> Vec<(usize, Claim)> {
    let claim = |word: &str| {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        if word.contains("::") {
            return Some(Claim::Names(names_in(word).map(str::to_owned).collect()));
        }
        let file = FILE_ENDINGS.iter().any(|ending| word.ends_with(ending));
        (file && looks_like_a_path(word)).then(|| Claim::Path(word.to_owned()))
    };
    let of_line = |(index, line): (usize, &str)| -> Vec<(usize, Claim)> {
        line.split_whitespace().filter_map(claim).map(|claim| (first_line + index, claim)).collect()
    };
    text.lines().enumerate().flat_map(of_line).collect()
}

fn without_strings(code: &str) -> String {
    code.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// The targets of `src` and `href` in a piece of HTML.
fn html_targets(html: &str) -> impl Iterator<Item = String> {
    ["src=", "href=", "srcset="].into_iter().flat_map(move |attribute| {
        html.split(attribute).skip(1).filter_map(|rest| {
            let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
            rest[1..].split(quote).next().map(str::to_owned)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_stay_together_and_comments_go() {
        assert_eq!(shell_words("lab call 'a b' \"c\" # why"), ["lab", "call", "a b", "c"]);
        assert!(shell_words("# only a comment").is_empty());
    }

    #[test]
    fn heading_becomes_the_anchor_that_git_hosts_give_it() {
        assert_eq!(anchor("Where does a line belong?"), "where-does-a-line-belong");
        assert_eq!(anchor("`cargo xtask`: set-up"), "cargo-xtask-set-up");
    }

    #[test]
    fn code_span_is_a_command_a_path_or_names() {
        assert_eq!(span_claim("core/src"), Some(Claim::Path("core/src".to_owned())));
        assert_eq!(span_claim("deny.toml"), Some(Claim::Path("deny.toml".to_owned())));
        assert_eq!(span_claim("lab walk"), Some(Claim::Command(vec!["lab".to_owned(), "walk".to_owned()])));
        let names = ["POST", "oauth", "token"].map(str::to_owned).to_vec();
        assert_eq!(span_claim("POST /oauth/token"), Some(Claim::Names(names)));
        assert_eq!(span_claim("--skip"), Some(Claim::Names(vec!["skip".to_owned()])));
        assert_eq!(span_claim("401"), None);
    }

    #[test]
    fn names_of_the_example_itself_are_its_own() {
        let claims = examples("let mine = Session::builder(config); // Gone\nmine.renew(\"Gone\");", 5);
        let names = |names: &[&str]| Claim::Names(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(claims, [(5, names(&["Session", "builder"])), (6, names(&["renew"]))]);
    }
}
