//! Objects of JSON put into one another.

use serde_json::Value;

/// Puts a value in the place of another; of two objects, member by member.
pub(crate) fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in new {
                merge(old.entry(name).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new,
    }
}
