//! Tags.

use crate::fault::Fault;
use crate::limits::TAGS_MAX;
use bonafide_types::Excerpt;
use serde_json::{Map, Value};

/// Longest tag name, in bytes. Source: Azure Resource Manager limits (512 characters).
const NAME_BYTES_MAX: usize = 512;
/// Longest tag value, in bytes. Source: Azure Resource Manager limits (256 characters).
const VALUE_BYTES_MAX: usize = 256;

/// Reads `tags`: an object of strings. `None` when the body does not have it or has null: what is there
/// stays. Names differ by more than their case.
pub(crate) fn read(body: &Map<String, Value>) -> Result<Option<Map<String, Value>>, Fault> {
    let tags = match body.get("tags") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(tags)) => tags,
        Some(_) => return Err(Fault::BodyInvalid("'tags' is not an object".to_owned())),
    };
    if tags.len() > TAGS_MAX {
        return Err(Fault::TooManyTags);
    }
    for (at, (name, value)) in tags.iter().enumerate() {
        let right = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && !name.contains(['<', '>', '%', '&', '\\', '?', '/'])
            && !name.chars().any(char::is_control)
            && value.as_str().is_some_and(|value| value.len() <= VALUE_BYTES_MAX);
        if !right || tags.keys().take(at).any(|other| other.eq_ignore_ascii_case(name)) {
            let name: String = Excerpt::of(name).into();
            return Err(Fault::BodyInvalid(format!("the tag '{name}' is not valid")));
        }
    }
    Ok(Some(tags.clone()))
}
