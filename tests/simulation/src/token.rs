//! Tokens that say in their name where they come from, so that whoever sees one can be judged by it.

/// What no log, event or error may show: a part of every token's name.
pub(crate) const MARK: &str = "SECRET";

/// A refresh token's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refresh {
    /// Which login it goes back to.
    pub(crate) family: usize,
    /// How often that login's token was replaced before it.
    pub(crate) generation: u32,
    /// Tells siblings apart: two answers to the same token.
    pub(crate) serial: u32,
}

impl Refresh {
    pub(crate) fn text(self) -> String {
        format!("rt-{MARK}-{}-{}-{}", self.family, self.generation, self.serial)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix("rt-")?.strip_prefix(MARK)?.strip_prefix('-')?.split('-');
        let token = Self {
            family: numbers.next()?.parse().ok()?,
            generation: numbers.next()?.parse().ok()?,
            serial: numbers.next()?.parse().ok()?,
        };
        numbers.next().is_none().then_some(token)
    }

    /// One number that stands for it.
    pub(crate) fn number(self) -> u64 {
        (self.family as u64) << 40 | u64::from(self.generation) << 16 | u64::from(self.serial)
    }

    /// The one refresh token in a stored text, whatever the text's format.
    pub(crate) fn within(text: &str) -> Option<Self> {
        let start = text.find(&format!("rt-{MARK}-"))?;
        let rest = &text[start..];
        let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || character == '-'));
        Self::parse(&rest[..end.unwrap_or(rest.len())])
    }
}

impl std::fmt::Display for Refresh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "token {}.{}", self.family, self.generation)?;
        if self.serial == 0 { Ok(()) } else { write!(formatter, "'{}", self.serial) }
    }
}

/// Whether `text` shows a part of a token.
pub(crate) fn is_shown_in(text: &str) -> bool {
    text.contains(MARK) || text.contains("eyJ")
}
