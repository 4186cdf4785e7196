//! Tags.

use crate::fault::Fault;
use crate::limits::{TAG_NAME_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX};
use bonafide_types::Excerpt;
use serde_json::{Map, Value};

/// Characters that no name has (documentation of tags; quoted, see docs/wire/management-tags.md).
const RESERVED: [char; 7] = ['<', '>', '%', '&', '\\', '?', '/'];

/// Reads `tags`. `None` when the body does not have it or has null: what is there stays.
pub(crate) fn read(body: &Map<String, Value>) -> Result<Option<Map<String, Value>>, Fault> {
    match body.get("tags") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(tags)) => check(tags).map(Some),
        Some(_) => Err(Fault::BodyInvalid("'tags' is not an object".to_owned())),
    }
}

/// Checks tags: texts under names that differ by more than their case.
pub(crate) fn check(tags: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::TooManyTags);
    }
    let mut checked = Map::new();
    for (at, (name, value)) in tags.iter().enumerate() {
        check_name(name)?;
        if tags.keys().take(at).any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(Fault::BodyInvalid(format!("the tag '{}' is there twice", Excerpt::of(name))));
        }
        checked.insert(name.clone(), check_value(name, value)?.into());
    }
    Ok(checked)
}

/// Checks the name of a tag.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    if name.chars().count() > TAG_NAME_CHARS_MAX {
        return Err(Fault::TagNameTooLong(Excerpt::of(name).into()));
    }
    if name.trim().is_empty() || name.contains(RESERVED) || name.chars().any(char::is_control) {
        return Err(Fault::TagNameInvalid(Excerpt::of(name).into()));
    }
    Ok(())
}

/// Checks the value of a tag.
fn check_value<'a>(name: &str, value: &'a Value) -> Result<&'a str, Fault> {
    let text = match value {
        Value::String(text) => text.as_str(),
        _ => return Err(Fault::BodyInvalid(format!("the value of the tag '{}' is not a string", Excerpt::of(name)))),
    };
    if text.chars().count() > TAG_VALUE_CHARS_MAX {
        return Err(Fault::TagValueTooLong(Excerpt::of(text).into()));
    }
    Ok(text)
}
