//! Text from outside on a terminal, or in a log that is read on one.

use std::borrow::Cow;

/// Characters that are no text: those of the Unicode categories Cf (formats: the direction of what follows, widths of
/// nothing, tags), Zl and Zp (ends of lines and paragraphs), and what lies unassigned between them. Those of Cc
/// (controls) are [`char::is_control`]. Source: Unicode 16.0, `DerivedGeneralCategory.txt`.
const FORMATS: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

/// True of a character that shows as itself, and changes nothing of how others show.
pub fn is_printable(c: char) -> bool {
    !(c.is_control() || FORMATS.iter().any(|(first, last)| (*first..=*last).contains(&c)))
}

/// A text with U+FFFD in place of each character that is not printable.
pub fn printable(text: &str) -> Cow<'_, str> {
    replaced(text, is_printable)
}

/// The same for a text of several lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c == '\n' || is_printable(c))
}

fn replaced(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&stays) {
        return text.into();
    }
    text.chars().map(|c| if stays(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// JSON with an escape in place of each character that is not printable: only strings have any, and mean the same.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let stays = |c: char| c == '\n' || is_printable(c);
    if json.chars().all(stays) {
        return json.into();
    }
    let escaped = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
    json.chars().map(|c| if stays(c) { c.to_string() } else { escaped(c) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_04_what_steers_a_terminal_or_turns_text_around_does_not_show() {
        for c in "\u{0}\u{1b}\u{7f}\u{9b}\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\u{202a}\u{202e}\u{2028}\u{2029}\u{2060}\u{2066}\u{2069}\u{feff}\u{e0041}".chars() {
            assert!(!is_printable(c), "{c:?}");
            assert_eq!(printable(&format!("a{c}b")), "a\u{fffd}b");
        }
        let text = "plain, ä, 日本, עברית, 👍 \u{fffd}…";
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        assert_eq!(printable_lines("a\nb\tc"), "a\nb\u{fffd}c");
    }

    #[test]
    fn json_means_the_same_after_it() {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "a\u{202e}": "\u{e0041}ä\n\u{7f}" })).unwrap();
        let shown = printable_json(&text);
        assert!(shown.chars().all(|c| c == '\n' || is_printable(c)), "{shown}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(&text));
    }
}
