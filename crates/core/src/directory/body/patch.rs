//! Merging a change into a body.

use bonafide_types::json::JsonError;
use bonafide_types::limits::{JSON_DEPTH_MAX, JSON_MEMBERS_MAX};
use serde_json::{Map, Value};

/// The depth is that of `patch`, which was bounded when it was read.
pub(super) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
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

/// Puts each member of `sent` in place of the one of its name; null removes it.
pub(super) fn replace(target: &mut Map<String, Value>, sent: Map<String, Value>) {
    target.retain(|name, _| sent.get(name) != Some(&Value::Null));
    target.extend(sent.into_iter().filter(|(_, value)| !value.is_null()));
}

/// The limits of a body that is sent, for one that was put together from several.
pub(super) fn check_bounds(body: &Map<String, Value>) -> Result<(), JsonError> {
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
    fn a_patch_merges_objects_and_removes_what_is_null() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "d": [1], "e": 1}).as_object().unwrap().clone();
        let patch = json!({"a": {"b": null, "x": {"y": null}}, "d": [2], "e": {"f": 1}}).as_object().unwrap().clone();
        merge(&mut target, &patch);
        assert_eq!(Value::Object(target), json!({"a": {"c": 2, "x": {}}, "d": [2], "e": {"f": 1}}));
    }

    #[test]
    fn np_06_what_a_patch_leaves_is_bounded_as_a_body_is() {
        let many = |count: usize| -> Map<String, Value> { (0..count).map(|n| (format!("a{n}"), json!(0))).collect() };
        assert_eq!(check_bounds(&many(JSON_MEMBERS_MAX)), Ok(()));
        assert_eq!(check_bounds(&many(JSON_MEMBERS_MAX + 1)), Err(JsonError::TooMany));
        let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
        let bounds = |depth| check_bounds(nested(depth).as_object().unwrap());
        assert_eq!((bounds(JSON_DEPTH_MAX), bounds(JSON_DEPTH_MAX + 1)), (Ok(()), Err(JsonError::TooDeep)));
    }
}
