//! The tags and the text of a page: as much of HTML as it takes to find a form.

/// One piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// `<name attribute=value>`, its names in lower case and its values unescaped.
    Open { name: String, attributes: Vec<(String, String)> },
    /// `</name>`, in lower case.
    Close { name: String },
    /// What stands between tags, as it is.
    Text(&'a str),
}

/// Elements whose content is not markup (HTML Standard §13.1.2.1).
const RAW: [&str; 2] = ["script", "style"];

/// Takes a page to pieces. Never fails: what is no tag is text.
pub(super) fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let Some(start) = rest.find('<') else {
            pieces.push(Piece::Text(rest));
            break;
        };
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
            rest = &rest[start..];
        }
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
        } else if let Some((piece, after)) = tag(rest) {
            rest = after;
            if let Piece::Open { name, .. } = &piece
                && RAW.contains(&name.as_str())
            {
                rest = skip_raw(rest, name);
            }
            pieces.push(piece);
        } else {
            pieces.push(Piece::Text(&rest[..1]));
            rest = &rest[1..];
        }
    }
    pieces
}

/// Where the content of a raw element ends.
fn skip_raw<'a>(rest: &'a str, name: &str) -> &'a str {
    let end = rest.to_ascii_lowercase().find(&format!("</{name}"));
    end.map_or("", |end| &rest[end..])
}

/// The tag at the beginning of `text`, and what follows it.
fn tag(text: &str) -> Option<(Piece<'_>, &str)> {
    let inside = text.strip_prefix('<')?;
    let (closes, inside) = inside.strip_prefix('/').map_or((false, inside), |inside| (true, inside));
    if !inside.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let end = inside.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').unwrap_or(inside.len());
    let name = inside[..end].to_ascii_lowercase();
    let (attributes, after) = attributes(&inside[end..]);
    Some((if closes { Piece::Close { name } } else { Piece::Open { name, attributes } }, after))
}

/// The attributes up to `>`, and what follows it.
fn attributes(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (attributes, "");
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (attributes, after);
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len());
        // A stray `=` begins a name (HTML Standard §13.2.5.32); it must not stop the loop.
        let end = end.max(rest.chars().next().map_or(0, char::len_utf8));
        let name = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(after) = rest.trim_start().strip_prefix('=') {
            let after = after.trim_start();
            let quoted = after.chars().next().filter(|quote| matches!(quote, '"' | '\''));
            let (raw, following) = match quoted {
                Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                None => {
                    after.split_at(after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len()))
                }
            };
            value = unescape(raw);
            rest = following;
        }
        attributes.push((name, value));
    }
}

/// Replaces the character references that authors of pages use; any other stays as it is.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        match rest.find(';').and_then(|end| Some((character(&rest[1..end])?, end))) {
            Some((character, end)) => {
                plain.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        numeric => {
            let number = numeric.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str, attributes: &[(&str, &str)]) -> Piece<'static> {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Piece::Open { name: name.to_owned(), attributes }
    }

    #[test]
    fn tags_are_read_in_every_way_of_writing_them() {
        let html = "<INPUT Name=a VALUE='b \"c\"' checked/><p class=\"x>y\">1 &lt; 2</P>";
        assert_eq!(
            pieces(html),
            [
                open("input", &[("name", "a"), ("value", "b \"c\""), ("checked", "")]),
                open("p", &[("class", "x>y")]),
                Piece::Text("1 &lt; 2"),
                Piece::Close { name: "p".to_owned() },
            ]
        );
    }

    #[test]
    fn what_looks_like_a_form_in_a_comment_or_script_is_none() {
        let html = "<!DOCTYPE html><!-- <form> --><script>if (a<b) '<form>'</script><style>a>b{}</style>end";
        let names: Vec<Piece> = pieces(html);
        assert!(!names.contains(&open("form", &[])), "{names:?}");
        assert_eq!(names.last(), Some(&Piece::Text("end")));
    }

    #[test]
    fn broken_markup_ends() {
        for html in ["<", "<<<", "< p>", "<p", "<p a", "<p a=", "<p a='b", "<!--", "<!", "</", "<p =>", "<p = =", "<é>"]
        {
            pieces(html);
        }
    }

    #[test]
    fn character_references_are_replaced_and_anything_else_stays() {
        assert_eq!(unescape("a&amp;b&#39;&#x27;&quot;&nope;&;&"), "a&b''\"&nope;&;&");
    }
}
