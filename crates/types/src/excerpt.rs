//! The beginning of a text that somebody sent, short enough to be repeated in an error.

use std::fmt;

/// Characters of a sent text that an error repeats. Source: ours.
const EXCERPT_CHARS_MAX: usize = 64;

/// The first [`EXCERPT_CHARS_MAX`] characters of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(Box<str>);

impl Excerpt {
    /// The beginning of `text`.
    pub fn of(text: &str) -> Self {
        let end = text.char_indices().nth(EXCERPT_CHARS_MAX).map_or(text.len(), |(at, _)| at);
        Self(text[..end].into())
    }

    /// The excerpt as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Excerpt> for String {
    fn from(excerpt: Excerpt) -> Self {
        excerpt.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_ends_between_characters() {
        assert_eq!(Excerpt::of("short").as_str(), "short");
        assert_eq!(Excerpt::of(&"ä".repeat(70)).as_str(), "ä".repeat(64));
    }
}
