//! JSON objects with one meaning only: no duplicate members, bounded depth and size.

use crate::limits::JSON_DEPTH_MAX;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// Largest JSON text of a token's part, in bytes. Source: ours; a client assertion is not longer.
const PART_BYTES_MAX: usize = 32 * 1024;
/// Members and elements in one part of a token. Source: ours.
const PART_MEMBERS_MAX: usize = 1_000;

/// The reason why a JSON text was refused. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than the limit.
    #[error("the JSON text is too large")]
    TooLarge,
    /// Not JSON, not UTF-8, a number out of range, or something after the end.
    #[error("the text is not valid JSON")]
    Malformed,
    /// JSON, but not an object.
    #[error("the JSON text is not an object")]
    NotAnObject,
    /// A member name twice in one object, at any depth, however it is escaped.
    #[error("the JSON text has a member twice")]
    DuplicateMember,
    /// Nested deeper than the limit.
    #[error("the JSON text is nested too deeply")]
    TooDeep,
    /// More members and elements than the limit.
    #[error("the JSON text has too many members")]
    TooMany,
}

/// Parses the JSON object of a token's part.
///
/// # Errors
/// [`JsonError`]; parsers that disagree on duplicate members are how one token gets two meanings (JW-07).
pub fn parse_object_strict(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    parse_object_bounded(bytes, PART_BYTES_MAX, PART_MEMBERS_MAX)
}

/// As [`parse_object_strict`], with other limits.
pub fn parse_object_bounded(
    bytes: &[u8],
    bytes_max: usize,
    members_max: usize,
) -> Result<Map<String, Value>, JsonError> {
    if bytes.len() > bytes_max {
        return Err(JsonError::TooLarge);
    }
    let budget = Budget { members: Cell::new(members_max), refusal: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = Node { depth: 0, budget: &budget }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match parsed {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(JsonError::NotAnObject),
        Err(_) => Err(budget.refusal.get().unwrap_or(JsonError::Malformed)),
    }
}

struct Budget {
    members: Cell<usize>,
    refusal: Cell<Option<JsonError>>,
}

#[derive(Clone, Copy)]
struct Node<'a> {
    depth: usize,
    budget: &'a Budget,
}

impl Node<'_> {
    fn refuse<E: Error>(&self, refusal: JsonError) -> E {
        self.budget.refusal.set(Some(refusal));
        E::custom(refusal)
    }

    fn deeper<E: Error>(&self) -> Result<Self, E> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(self.refuse(JsonError::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..*self })
    }

    fn count<E: Error>(&self) -> Result<(), E> {
        let left = self.budget.members.get().checked_sub(1).ok_or_else(|| self.refuse(JsonError::TooMany))?;
        self.budget.members.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(inner)? {
            self.count()?;
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            self.count()?;
            if object.contains_key(&name) {
                return Err(self.refuse(JsonError::DuplicateMember));
            }
            let value = access.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jw_07_duplicate_members_are_refused_at_any_depth_and_under_any_escape() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"alg":1,"\u0061lg":2}"#,
            r#"{"x":{"y":[{"z":1,"z":2}]}}"#,
        ] {
            assert_eq!(parse_object_strict(text.as_bytes()), Err(JsonError::DuplicateMember), "{text}");
        }
        assert!(parse_object_strict(br#"{"a":{"a":{"a":1}},"A":2}"#).is_ok());
    }

    #[test]
    fn jw_07_only_one_whole_object_is_accepted() {
        for text in ["[]", "1", "\"a\"", "null", "true"] {
            assert_eq!(parse_object_strict(text.as_bytes()), Err(JsonError::NotAnObject), "{text}");
        }
        for text in
            ["", "{", "{}{}", "{}x", "\u{feff}{}", "{'a':1}", "{\"a\":1e999}", "{\"a\":NaN}", "{\"a\":01}", "{a:1}"]
        {
            assert_eq!(parse_object_strict(text.as_bytes()), Err(JsonError::Malformed), "{text}");
        }
        assert_eq!(parse_object_strict(b"{\"a\":\"\xff\"}"), Err(JsonError::Malformed));
        assert_eq!(parse_object_strict(b" {\"a\": -1.5e3, \"b\": [null, true]}\n").unwrap().len(), 2);
    }

    #[test]
    fn jw_15_depth_count_and_size_are_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_object_strict(nested(JSON_DEPTH_MAX - 1).as_bytes()).is_ok());
        assert_eq!(parse_object_strict(nested(JSON_DEPTH_MAX).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(parse_object_strict(nested(10_000).as_bytes()), Err(JsonError::TooDeep));
        let many = format!("{{\"a\":[{}0]}}", "0,".repeat(PART_MEMBERS_MAX));
        assert_eq!(parse_object_strict(many.as_bytes()), Err(JsonError::TooMany));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(PART_BYTES_MAX));
        assert_eq!(parse_object_strict(large.as_bytes()), Err(JsonError::TooLarge));
    }
}
