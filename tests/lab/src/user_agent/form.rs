//! A form, filled in and submitted as a browser does (HTML Standard §4.10.21).

use hallpass_core::protocol::http::Method;
use url::{Url, form_urlencoded};

use super::UserAgentError;

/// A form of a page.
#[derive(Debug, Clone)]
pub struct Form {
    pub(super) action: Url,
    pub(super) post: bool,
    pub(super) fields: Vec<Field>,
    pub(super) buttons: Vec<Button>,
    pub(super) pressed: usize,
}

/// A field of a form: everything that has a name and may have a value, but for buttons.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// What is sent; `None` is a box that is not ticked.
    pub(super) value: Option<String>,
    /// What a box sends when it is ticked.
    pub(super) ticked: String,
}

/// What kind of field it is, as far as that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hidden,
    Text,
    Password,
    Box,
}

/// A button that submits a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// Its name and value, sent when it is pressed; it need not have any.
    pub pair: Option<(String, String)>,
    /// What stands on it.
    pub label: String,
}

impl Form {
    /// How it is submitted.
    pub fn method(&self) -> Method {
        if self.post { Method::Post } else { Method::Get }
    }

    /// Where it is submitted to.
    pub fn action(&self) -> &Url {
        &self.action
    }

    /// The buttons, in their order. The first is pressed by the return key, and unless another is.
    pub fn buttons(&self) -> &[Button] {
        &self.buttons
    }

    /// The name of its password field.
    pub fn password_field(&self) -> Option<&str> {
        self.fields.iter().find(|field| field.kind == Kind::Password).map(|field| field.name.as_str())
    }

    /// The name of its first field to write text in.
    pub fn text_field(&self) -> Option<&str> {
        self.fields.iter().find(|field| field.kind == Kind::Text).map(|field| field.name.as_str())
    }

    /// What stands in the field called `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name)?.value.as_deref()
    }

    /// Writes `value` into the field called `name`.
    ///
    /// # Errors
    /// [`UserAgentError::NoField`].
    pub fn fill(&mut self, name: &str, value: &str) -> Result<&mut Self, UserAgentError> {
        self.field(name)?.value = Some(value.to_owned());
        Ok(self)
    }

    /// Ticks or clears the box called `name`.
    ///
    /// # Errors
    /// [`UserAgentError::NoField`].
    pub fn tick(&mut self, name: &str, on: bool) -> Result<&mut Self, UserAgentError> {
        let field = self.field(name)?;
        field.value = on.then(|| field.ticked.clone());
        Ok(self)
    }

    /// Chooses the button with this label, or with this value, to be pressed.
    ///
    /// # Errors
    /// [`UserAgentError::NoButton`].
    pub fn press(&mut self, label_or_value: &str) -> Result<&mut Self, UserAgentError> {
        let is_meant = |button: &Button| {
            button.label == label_or_value || button.pair.as_ref().is_some_and(|(_, value)| value == label_or_value)
        };
        self.pressed = self
            .buttons
            .iter()
            .position(is_meant)
            .ok_or_else(|| UserAgentError::NoButton(label_or_value.to_owned()))?;
        Ok(self)
    }

    fn field(&mut self, name: &str) -> Result<&mut Field, UserAgentError> {
        self.fields.iter_mut().find(|field| field.name == name).ok_or_else(|| UserAgentError::NoField(name.to_owned()))
    }

    /// Where a submission goes, and its body; a GET has none, and its fields are the query.
    pub(super) fn submission(&self) -> (Url, Option<String>) {
        let fields = self.fields.iter().filter_map(|field| Some((field.name.as_str(), field.value.as_deref()?)));
        let button = self.buttons.get(self.pressed).and_then(|button| button.pair.as_ref());
        let pairs = fields.chain(button.map(|(name, value)| (name.as_str(), value.as_str())));
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut url = self.action.clone();
        if self.post {
            (url, Some(encoded))
        } else {
            url.set_query(Some(&encoded));
            (url, None)
        }
    }
}
