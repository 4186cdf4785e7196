//! The JSON of template files, as az sends them: with comments, bare names, single quotes, line breaks in texts, commas at
//! the end, and members that occur twice, of which the last counts (`JsonCTemplatePolicy` of azure-cli 2.91; Microsoft's
//! engine).

use bonafide_types::json::JsonError;
use bonafide_types::limits::JSON_DEPTH_MAX;
use serde_json::{Map, Value};

/// Reads an object within limits.
///
/// # Errors
/// [`JsonError`]
pub fn read_lenient(bytes: &[u8], bytes_max: usize, members_max: usize) -> Result<Map<String, Value>, JsonError> {
    if bytes.len() > bytes_max {
        return Err(JsonError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Malformed)?;
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}'), members: members_max };
    let value = reader.value(0)?;
    reader.skip()?;
    match (value, reader.rest) {
        (Value::Object(object), "") => Ok(object),
        (_, "") => Err(JsonError::NotAnObject),
        _ => Err(JsonError::Malformed),
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// Members and elements that there may still be.
    members: usize,
}

impl Reader<'_> {
    /// Passes over blanks and comments.
    fn skip(&mut self) -> Result<(), JsonError> {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.find('\n').map_or("", |end| &comment[end..]);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or(JsonError::Malformed)?;
                self.rest = &comment[end + 2..];
            } else {
                return Ok(());
            }
        }
    }

    /// Takes a mark, if it is next.
    fn take(&mut self, mark: char) -> Result<bool, JsonError> {
        self.skip()?;
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        Ok(rest.is_some())
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > JSON_DEPTH_MAX {
            return Err(JsonError::TooDeep);
        }
        if self.take('{')? {
            return self.object(depth).map(Value::Object);
        }
        if self.take('[')? {
            return self.array(depth).map(Value::Array);
        }
        if self.rest.starts_with(['"', '\'']) {
            return self.text().map(Value::String);
        }
        let word = self.word();
        match word {
            "true" | "false" | "null" => serde_json::from_str(word).map_err(|_| JsonError::Malformed),
            number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                serde_json::from_str(number).map_err(|_| JsonError::Malformed)
            }
            _ => Err(JsonError::Malformed),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Value>, JsonError> {
        let mut object = Map::new();
        while !self.take('}')? {
            self.count()?;
            let name = if self.rest.starts_with(['"', '\'']) { self.text()? } else { self.word().to_owned() };
            if !self.take(':')? {
                return Err(JsonError::Malformed);
            }
            object.insert(name, self.value(depth + 1)?);
            if !self.take(',')? && !self.rest.starts_with('}') {
                return Err(JsonError::Malformed);
            }
        }
        Ok(object)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, JsonError> {
        let mut items = Vec::new();
        while !self.take(']')? {
            self.count()?;
            items.push(self.value(depth + 1)?);
            if !self.take(',')? && !self.rest.starts_with(']') {
                return Err(JsonError::Malformed);
            }
        }
        Ok(items)
    }

    fn count(&mut self) -> Result<(), JsonError> {
        self.members = self.members.checked_sub(1).ok_or(JsonError::TooMany)?;
        Ok(())
    }

    /// A word without quotes; empty where none is next.
    fn word(&mut self) -> &str {
        let is_of_word = |c: char| c.is_alphanumeric() || "_$+-.".contains(c);
        let end = self.rest.find(|c| !is_of_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// A text between quotes of one kind.
    fn text(&mut self) -> Result<String, JsonError> {
        let mut chars = self.rest.chars();
        let quote = chars.next().ok_or(JsonError::Malformed)?;
        let mut text = String::new();
        loop {
            match chars.next().ok_or(JsonError::Malformed)? {
                end if end == quote => break,
                '\\' => text.push(escaped(&mut chars)?),
                other => text.push(other),
            }
        }
        self.rest = chars.as_str();
        Ok(text)
    }
}

/// The character that a backslash begins.
fn escaped(chars: &mut std::str::Chars<'_>) -> Result<char, JsonError> {
    Ok(match chars.next().ok_or(JsonError::Malformed)? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(chars),
        same @ ('"' | '\'' | '\\' | '/') => same,
        _ => return Err(JsonError::Malformed),
    })
}

/// Four hexadecimal digits, or twice four for a character of two halves.
fn unicode(chars: &mut std::str::Chars<'_>) -> Result<char, JsonError> {
    let mut unit = || {
        let digits: String = chars.by_ref().take(4).collect();
        let is_hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u16::from_str_radix(&digits, 16).ok().filter(|_| is_hex).ok_or(JsonError::Malformed)
    };
    let first = unit()?;
    let units = match first {
        0xd800..=0xdbff => {
            if chars.next() != Some('\\') || chars.next() != Some('u') {
                return Err(JsonError::Malformed);
            }
            let digits: String = chars.by_ref().take(4).collect();
            let second = u16::from_str_radix(&digits, 16).map_err(|_| JsonError::Malformed)?;
            vec![first, second]
        }
        _ => vec![first],
    };
    let mut decoded = char::decode_utf16(units);
    match (decoded.next(), decoded.next()) {
        (Some(Ok(character)), None) => Ok(character),
        _ => Err(JsonError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Map<String, Value>, JsonError> {
        read_lenient(text.as_bytes(), 1 << 20, 1_000)
    }

    #[test]
    fn a_body_of_az_is_read() {
        let sent = "{\"properties\": {\"mode\": \"Incremental\", template:{ // a file\n  'a': \"two\nlines\", /* and */ \"b\": [1, -2.5, true,],\n}, \"parameters\": {}}}";
        let template = json!({"a": "two\nlines", "b": [1, -2.5, true]});
        assert_eq!(
            Value::Object(read(sent).unwrap()),
            json!({"properties": {"mode": "Incremental", "template": template, "parameters": {}}})
        );
        assert_eq!(read("\u{feff}{a:1,a:2}").unwrap()["a"], 2);
        assert_eq!(read(r#"{"a":"\ud83d\ude00\u0041\/"}"#).unwrap()["a"], "😀A/");
    }

    #[test]
    fn what_is_cut_or_beyond_the_limits_is_refused() {
        for text in [
            "",
            "{",
            "{a",
            "{a:",
            "{a:1",
            "{a:1 b:2}",
            "{a:'x}",
            "{} {}",
            "{a:\"\\ud83d\"}",
            "{a:\\n}",
            "{a:nope}",
            "/*",
            "{a:1}x",
            "{:1}x",
            "{a:01}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read(&"{a:".repeat(100)), Err(JsonError::TooDeep));
        assert_eq!(read(&format!("{{a:[{}]}}", "1,".repeat(1_000))), Err(JsonError::TooMany));
        assert_eq!(read("[]"), Err(JsonError::NotAnObject));
    }

    proptest! {
        #[test]
        fn what_is_strict_means_the_same(text in "\\PC{0,40}", number: i64, flag: bool) {
            let value = json!({"a": text, "b": [number, flag, null], text.clone(): {}});
            prop_assert_eq!(Value::Object(read(&value.to_string()).unwrap()), value);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}:,'\"\\\\ua0/* \n-]{0,60}") {
            let _ = read(&text);
        }
    }
}
