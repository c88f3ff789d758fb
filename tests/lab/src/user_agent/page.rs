//! A page: its status, its words, its forms.

use hallpass_core::protocol::http::{Headers, Response};
use url::Url;

use super::UserAgentError;
use super::form::{Button, Field, Form, Kind};
use super::html::{Piece, pieces, unescape};

/// A page that was fetched.
#[derive(Debug)]
pub struct Page {
    /// Where it came from, after redirects.
    pub url: Url,
    /// Its status.
    pub status: u16,
    /// Its header fields.
    pub headers: Headers,
    /// Its source.
    pub html: String,
    /// What its `title` says.
    pub title: String,
    forms: Vec<Form>,
}

impl Page {
    pub(super) fn new(url: Url, mut response: Response) -> Self {
        let html = String::from_utf8_lossy(&std::mem::take(&mut response.body)).into_owned();
        let headers = std::mem::take(&mut response.headers);
        let pieces = pieces(&html);
        let (title, forms) = (text_of(&pieces, "title"), forms(&pieces, &url));
        Self { url, status: response.status, headers, title, forms, html }
    }

    /// Its forms, in their order.
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// The form in which a password is asked for.
    ///
    /// # Errors
    /// [`UserAgentError::NoForm`].
    pub fn form_with_password(&self) -> Result<&Form, UserAgentError> {
        let form = self.forms.iter().find(|form| form.password_field().is_some());
        form.ok_or(UserAgentError::NoForm("a password field"))
    }

    /// Its text without markup, white space as single spaces.
    pub fn text(&self) -> String {
        let pieces = pieces(&self.html);
        let body = pieces.iter().skip_while(|piece| !matches!(piece, Piece::Open { name, .. } if name == "body"));
        words(body.filter_map(text))
    }
}

/// What the `title` of a page says.
pub(crate) fn page_title(html: &[u8]) -> String {
    text_of(&pieces(&String::from_utf8_lossy(html)), "title")
}

fn text<'a>(piece: &Piece<'a>) -> Option<&'a str> {
    match piece {
        Piece::Text(text) => Some(text),
        Piece::Open { .. } | Piece::Close { .. } => None,
    }
}

fn words<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.flat_map(str::split_whitespace).map(unescape).collect();
    texts.join(" ")
}

/// The text in the first element called `element`.
fn text_of(pieces: &[Piece<'_>], element: &str) -> String {
    let mut inside = pieces.iter().skip_while(|piece| !matches!(piece, Piece::Open { name, .. } if name == element));
    inside.next();
    words(inside.take_while(|piece| !matches!(piece, Piece::Close { name } if name == element)).filter_map(text))
}

fn forms(pieces: &[Piece<'_>], page: &Url) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut inside = false;
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Open { name, attributes } if name == "form" => {
                inside = true;
                forms.push(form(&Attributes(attributes), page));
            }
            Piece::Close { name } if name == "form" => inside = false,
            Piece::Open { name, attributes } if inside => {
                if let Some(form) = forms.last_mut() {
                    add(form, name, &Attributes(attributes), &pieces[index + 1..]);
                }
            }
            Piece::Open { .. } | Piece::Close { .. } | Piece::Text(_) => {}
        }
    }
    forms
}

struct Attributes<'a>(&'a [(String, String)]);

impl Attributes<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case(value))
    }
}

fn form(attributes: &Attributes<'_>, page: &Url) -> Form {
    let action = attributes.text("action").filter(|action| !action.is_empty());
    let action = action.and_then(|action| page.join(&action).ok()).unwrap_or_else(|| page.clone());
    Form { action, post: attributes.is("method", "post"), fields: Vec::new(), buttons: Vec::new(), pressed: 0 }
}

/// Adds an element to the form in which it stands; `following` is what comes after its tag.
fn add(form: &mut Form, element: &str, attributes: &Attributes<'_>, following: &[Piece<'_>]) {
    if attributes.text("disabled").is_some() {
        return;
    }
    let name = attributes.text("name").filter(|name| !name.is_empty());
    let value = attributes.text("value");
    let button =
        |label: String| Button { pair: name.clone().map(|name| (name, value.clone().unwrap_or_default())), label };
    let kind = attributes.text("type").unwrap_or_default().to_ascii_lowercase();
    match (element, kind.as_str()) {
        ("button", "" | "submit") => form.buttons.push(button(words_until(following, "button"))),
        ("input", "submit") => form.buttons.push(button(value.clone().unwrap_or_default())),
        ("input", "button" | "reset" | "image" | "file") | ("button", _) => {}
        ("input", _) => {
            let Some(name) = name else { return };
            let (kind, value, ticked) = match kind.as_str() {
                "hidden" => (Kind::Hidden, Some(value.unwrap_or_default()), String::new()),
                "password" => (Kind::Password, Some(value.unwrap_or_default()), String::new()),
                "checkbox" | "radio" => {
                    let ticked = value.unwrap_or_else(|| "on".to_owned());
                    (Kind::Box, attributes.text("checked").map(|_| ticked.clone()), ticked)
                }
                _ => (Kind::Text, Some(value.unwrap_or_default()), String::new()),
            };
            form.fields.push(Field { name, kind, value, ticked });
        }
        ("textarea", _) => {
            let Some(name) = name else { return };
            let value = Some(words_until(following, "textarea"));
            form.fields.push(Field { name, kind: Kind::Text, value, ticked: String::new() });
        }
        ("select", _) => {
            let Some(name) = name else { return };
            form.fields.push(Field { name, kind: Kind::Hidden, value: chosen(following), ticked: String::new() });
        }
        _ => {}
    }
}

fn words_until(following: &[Piece<'_>], element: &str) -> String {
    words(
        following
            .iter()
            .take_while(|piece| !matches!(piece, Piece::Close { name } if name == element))
            .filter_map(text),
    )
}

/// The value of the chosen option of a list, or of the first.
fn chosen(following: &[Piece<'_>]) -> Option<String> {
    let list = following
        .iter()
        .enumerate()
        .take_while(|(_, piece)| !matches!(piece, Piece::Close { name } if name == "select"));
    let options: Vec<(bool, String)> = list
        .filter_map(|(index, piece)| match piece {
            Piece::Open { name, attributes } if name == "option" => {
                let attributes = Attributes(attributes);
                let value = attributes.text("value").unwrap_or_else(|| words_until(&following[index + 1..], "option"));
                Some((attributes.text("selected").is_some(), value))
            }
            Piece::Open { .. } | Piece::Close { .. } | Piece::Text(_) => None,
        })
        .collect();
    options.iter().find(|(selected, _)| *selected).or(options.first()).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        let response = Response { status: 200, headers: Headers::default(), body: html.as_bytes().to_vec() };
        Page::new(Url::parse("http://127.0.0.1:3000/u/login?t=1").unwrap(), response)
    }

    #[test]
    fn form_sends_what_a_browser_sends() {
        let page = page(
            "<form><input name=q value='a b'><input type=checkbox name=off><input type=checkbox name=on checked>\
             <input type=radio name=r value=1><input type=radio name=r value=2 checked><input disabled name=d value=1>\
             <select name=s><option value=x>X</option><option selected>Y Y</option></select><textarea name=t>more</textarea>\
             <input value=nameless><button type=button name=b value=0>No</button><button name=b value=1>Go</button></form>",
        );
        let (url, body) = page.forms()[0].submission();
        assert_eq!(url.as_str(), "http://127.0.0.1:3000/u/login?q=a+b&on=on&r=2&s=Y+Y&t=more&b=1");
        assert_eq!(body, None);
    }

    #[test]
    fn button_is_pressed_by_label_or_value_and_an_unknown_one_is_refused() {
        let page = page(
            "<form method=POST action=/x><button name=action value=allow>Allow</button>\
             <button name=action value=deny><b>Deny</b> access</button></form>",
        );
        let mut form = page.forms()[0].clone();
        assert_eq!(form.submission().1.as_deref(), Some("action=allow"));
        assert_eq!(form.press("Deny access").unwrap().submission().1.as_deref(), Some("action=deny"));
        assert_eq!(form.press("allow").unwrap().submission().1.as_deref(), Some("action=allow"));
        assert_eq!(form.press("Maybe").unwrap_err(), UserAgentError::NoButton("Maybe".to_owned()));
        assert_eq!(form.fill("nothing", "").unwrap_err(), UserAgentError::NoField("nothing".to_owned()));
    }

    #[test]
    fn box_that_is_ticked_is_sent_and_cleared_is_not() {
        let page = page("<form method=post><input type=checkbox name=keep value=yes></form>");
        let mut form = page.forms()[0].clone();
        assert_eq!(form.submission().1.as_deref(), Some(""));
        assert_eq!(form.tick("keep", true).unwrap().submission().1.as_deref(), Some("keep=yes"));
        assert_eq!(form.tick("keep", false).unwrap().submission().1.as_deref(), Some(""));
    }

    #[test]
    fn page_without_a_password_has_no_login_form() {
        let page = page("<head><title>Log &amp; in</title></head><body><h1>Sorry</h1> not\n now<form></form></body>");
        assert_eq!((page.title.as_str(), page.text().as_str()), ("Log & in", "Sorry not now"));
        assert!(page.form_with_password().is_err());
    }
}
