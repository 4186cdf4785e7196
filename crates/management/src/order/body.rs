//! The body of a request: one JSON object within limits, members known to every type in one spelling.

use crate::fault::Fault;
use bonafide_types::json::{JsonError, parse_object_bounded};
use bonafide_types::limits::{JSON_DEPTH_MAX, JSON_MEMBERS_MAX, MANAGEMENT_BODY_BYTES_MAX};
use serde_json::{Map, Value};

/// Top-level members that are read here.
const KNOWN: [&str; 10] =
    ["id", "name", "type", "location", "tags", "identity", "managedBy", "properties", "etag", "systemData"];

/// The reason why a body cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyError {
    Json(JsonError),
    /// One member in two spellings.
    Twice(&'static str),
    /// The merged resource of a patch is beyond the limits of a body.
    Merged(JsonError),
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Json(JsonError::TooLarge) => Self::BodyTooLarge,
            BodyError::Json(error) => Self::BodyInvalid(error.to_string()),
            BodyError::Merged(error) => Self::BodyInvalid(format!("with this change applied, {error}")),
            BodyError::Twice(name) => Self::BodyInvalid(format!("the member '{name}' occurs twice")),
        }
    }
}

/// Reads a body. Resource Manager compares member names without case; other spellings of those that the
/// order of checks reads are put right, so that nothing gets past it by its spelling.
pub(crate) fn read(bytes: &[u8]) -> Result<Map<String, Value>, BodyError> {
    let object = parse_object_bounded(bytes, MANAGEMENT_BODY_BYTES_MAX, JSON_MEMBERS_MAX).map_err(BodyError::Json)?;
    let mut body = Map::with_capacity(object.len());
    for (name, value) in object {
        match KNOWN.iter().find(|known| known.eq_ignore_ascii_case(&name)) {
            Some(known) if body.contains_key(*known) => return Err(BodyError::Twice(known)),
            Some(known) => drop(body.insert((*known).to_owned(), value)),
            None => drop(body.insert(name, value)),
        }
    }
    Ok(body)
}

/// JSON merge patch (RFC 7396): objects are merged, null removes, everything else replaces. What comes out
/// is bounded as a body that is sent, so that a resource cannot grow patch by patch.
pub(crate) fn patched(target: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), BodyError> {
    merge(target, patch);
    check_bounds(target).map_err(BodyError::Merged)
}

/// The depth is that of `patch`, which was bounded when it was read.
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    // In one pass: each removal from an ordered map moves all that is behind it.
    target.retain(|name, _| patch.get(name) != Some(&Value::Null));
    for (name, value) in patch {
        match value {
            Value::Null => {}
            Value::Object(inner) => {
                let slot = target.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(slot) = slot {
                    merge(slot, inner);
                }
            }
            other => drop(target.insert(name.clone(), other.clone())),
        }
    }
}

/// The limits of [`read`], for a body that was put together from several.
fn check_bounds(body: &Map<String, Value>) -> Result<(), JsonError> {
    fn members(value: &Value, depth: usize) -> Result<usize, JsonError> {
        if depth > JSON_DEPTH_MAX && (value.is_object() || value.is_array()) {
            return Err(JsonError::TooDeep);
        }
        match value {
            Value::Object(object) => object.values().try_fold(object.len(), |n, one| Ok(n + members(one, depth + 1)?)),
            Value::Array(array) => array.iter().try_fold(array.len(), |n, one| Ok(n + members(one, depth + 1)?)),
            _ => Ok(0),
        }
    }
    // The body itself is the first level.
    let inside = body.values().try_fold(body.len(), |n, one| Ok(n + members(one, 2)?))?;
    if inside > JSON_MEMBERS_MAX { Err(JsonError::TooMany) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_that_are_read_have_one_spelling() {
        let body = read(br#"{"Identity":{},"LOCATION":"x","Sku":1}"#).unwrap();
        assert_eq!(body.keys().collect::<Vec<_>>(), ["identity", "location", "Sku"]);
        assert_eq!(read(br#"{"identity":{},"Identity":{}}"#), Err(BodyError::Twice("identity")));
    }

    #[test]
    fn a_patch_merges_objects_and_removes_what_is_null() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "d": [1], "e": 1}).as_object().unwrap().clone();
        let patch = json!({"a": {"b": null, "x": {"y": null}}, "d": [2], "e": {"f": 1}}).as_object().unwrap().clone();
        merge(&mut target, &patch);
        assert_eq!(Value::Object(target), json!({"a": {"c": 2, "x": {}}, "d": [2], "e": {"f": 1}}));
    }

    #[test]
    fn np_06_what_a_patch_leaves_is_bounded_as_a_body_is() {
        let many = |prefix: &str, count: usize| -> Map<String, Value> {
            (0..count).map(|n| (format!("{prefix}{n}"), json!(0))).collect()
        };
        let mut target = many("a", JSON_MEMBERS_MAX - 1);
        assert_eq!(patched(&mut target.clone(), &many("b", 1)), Ok(()));
        assert_eq!(patched(&mut target, &many("b", 2)), Err(BodyError::Merged(JsonError::TooMany)));
        let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
        let bounds = |depth| check_bounds(nested(depth).as_object().unwrap());
        assert_eq!((bounds(JSON_DEPTH_MAX), bounds(JSON_DEPTH_MAX + 1)), (Ok(()), Err(JsonError::TooDeep)));
        assert!(read(nested(JSON_DEPTH_MAX).to_string().as_bytes()).is_ok());
    }
}
