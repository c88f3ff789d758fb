//! Forms of a page. Enough HTML for pages that quote their attributes, as the tenant's do.

/// A form and what it would send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it is sent, as written.
    pub action: String,
    /// Whether by POST.
    pub post: bool,
    /// Names and values of its fields, without its buttons.
    pub fields: Vec<(String, String)>,
}

/// The forms of a document, in their order.
pub fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    // The value of a select is that of its chosen option.
    let mut select: Option<String> = None;
    for tag in tags(html) {
        match tag.name {
            "form" => {
                open = true;
                let post = tag.attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                forms.push(Form { action: tag.attribute("action").unwrap_or_default(), post, fields: Vec::new() });
            }
            "/form" => open = false,
            "select" => select = tag.attribute("name"),
            "/select" => select = None,
            "input" if open => {
                if let (Some(form), Some(field)) = (forms.last_mut(), field(&tag)) {
                    form.fields.push(field);
                }
            }
            "option" if open => {
                if let (Some(form), Some(name)) = (forms.last_mut(), &select) {
                    choose(form, name, &tag);
                }
            }
            _ => {}
        }
    }
    forms
}

/// Without a choice the first option counts, as in a browser.
fn choose(form: &mut Form, select: &str, option: &Tag<'_>) {
    let value = option.attribute("value").unwrap_or_default();
    match form.fields.iter_mut().find(|(name, _)| name == select) {
        None => form.fields.push((select.to_owned(), value)),
        Some((_, chosen)) if option.has("selected") => *chosen = value,
        Some(_) => {}
    }
}

fn field(tag: &Tag<'_>) -> Option<(String, String)> {
    let name = tag.attribute("name")?;
    let value = tag.attribute("value");
    match tag.attribute("type").as_deref() {
        Some("checkbox" | "radio") if !tag.has("checked") => None,
        Some("checkbox" | "radio") => Some((name, value.unwrap_or_else(|| "on".to_owned()))),
        Some("submit" | "button") => None,
        Some(_) | None => Some((name, value.unwrap_or_default())),
    }
}

struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
}

fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    html.split('<').skip(1).filter_map(|rest| {
        let inside = rest.split_once('>')?.0;
        let (name, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        Some(Tag { name, attributes })
    })
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<String> {
        let start = format!("{name}=\"");
        let after = self.attributes.split(&start).nth(1).filter(|_| self.begins_attribute(&start))?;
        Some(unescape(after.split('"').next().unwrap_or_default()))
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.split_whitespace().any(|word| word == name)
    }

    /// Whether the first `name="` is an attribute's beginning and not the end of a longer name.
    fn begins_attribute(&self, start: &str) -> bool {
        self.attributes
            .find(start)
            .is_some_and(|at| at == 0 || self.attributes.as_bytes()[at - 1].is_ascii_whitespace())
    }
}

/// The entities that maud writes.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_of_a_page_is_read_with_its_fields_and_without_its_buttons() {
        let html = r#"<p>x</p><form method="post" action="/u/login">
            <input type="hidden" name="transaction" value="a&amp;b"><input name="username" value="">
            <input type="checkbox" name="off"><input type="checkbox" name="on" checked>
            <select name="algorithm"><option value="RS256"></option><option value="ES256" selected>ES</option></select>
            <select name="first"><option value="1">one</option><option value="2">two</option></select>
            <button type="submit" name="action" value="continue">Continue</button></form>
            <form action="/other"></form>"#;
        let forms = forms(html);
        let fields = [("transaction", "a&b"), ("username", ""), ("on", "on"), ("algorithm", "ES256"), ("first", "1")];
        assert_eq!(forms.len(), 2);
        assert_eq!((forms[0].action.as_str(), forms[0].post), ("/u/login", true));
        assert_eq!(forms[0].fields, fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!((forms[1].action.as_str(), forms[1].post), ("/other", false));
    }
}
