//! Members that a type reads, in its own spelling wherever they stand: Resource Manager compares their names without case, and
//! a body that is merged must not have one twice.

use super::body::BodyError;
use serde_json::{Map, Value};

/// Puts the names of `known` right at every depth.
///
/// # Errors
/// [`BodyError::Twice`] for one that an object has in two spellings.
pub(crate) fn put_right(object: &mut Map<String, Value>, known: &[&'static str]) -> Result<(), BodyError> {
    if known.is_empty() {
        return Ok(());
    }
    let is_wrong = |name: &String| known.iter().any(|known| known.eq_ignore_ascii_case(name) && known != name);
    if object.keys().any(is_wrong) {
        for (name, value) in std::mem::take(object) {
            let known = known.iter().find(|known| known.eq_ignore_ascii_case(&name));
            let name = known.map_or(name, |known| (*known).to_owned());
            if object.insert(name, value).is_some() {
                return Err(BodyError::Twice(known.copied().unwrap_or_default()));
            }
        }
    } else if let Some(twice) =
        known.iter().find(|known| object.keys().filter(|name| known.eq_ignore_ascii_case(name)).count() > 1)
    {
        return Err(BodyError::Twice(twice));
    }
    object.values_mut().try_for_each(|value| inside(value, known))
}

fn inside(value: &mut Value, known: &[&'static str]) -> Result<(), BodyError> {
    match value {
        Value::Object(object) => put_right(object, known),
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| inside(element, known)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_member_that_a_type_reads_has_one_spelling_at_every_depth() {
        let right = |mut body: Value| {
            let known = &["sku", "capacity"];
            put_right(body.as_object_mut().unwrap(), known).map(|()| body)
        };
        assert_eq!(
            right(json!({"SKU": {"Capacity": 1, "Name": "a"}})),
            Ok(json!({"sku": {"capacity": 1, "Name": "a"}}))
        );
        assert_eq!(right(json!({"x": [{"CAPACITY": 1}]})), Ok(json!({"x": [{"capacity": 1}]})));
        for twice in [json!({"sku": {"capacity": 1, "CAPACITY": 2}}), json!({"Sku": 1, "SKU": 2})] {
            assert!(matches!(right(twice), Err(BodyError::Twice(_))));
        }
    }
}
