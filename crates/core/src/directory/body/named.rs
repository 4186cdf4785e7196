//! User-assigned identities that a body names beside its identity block, wherever they stand.

use crate::directory::IDENTITY_TYPE;
use bonafide_types::ResourceId;
use serde_json::{Map, Value};

/// An identity that a body names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The names of the members down to it, in lower case; those in the elements of a list are the list's.
    pub at: Vec<String>,
    /// Its ARM id.
    pub id: ResourceId,
}

/// Those of a body. The depth is bounded: the body was read so, or merged so.
pub(super) fn in_object(body: &Map<String, Value>) -> Vec<Named> {
    let mut found = Vec::new();
    of_object(body, &mut Vec::new(), &mut found);
    found
}

fn of_object<'a>(object: &'a Map<String, Value>, at: &mut Vec<&'a str>, found: &mut Vec<Named>) {
    for (name, value) in object {
        // In a map of identities the names are the ids.
        add(name, at, found);
        at.push(name);
        of_value(value, at, found);
        at.pop();
    }
}

fn of_value<'a>(value: &'a Value, at: &mut Vec<&'a str>, found: &mut Vec<Named>) {
    match value {
        Value::String(text) => add(text, at, found),
        Value::Object(object) => of_object(object, at, found),
        Value::Array(elements) => elements.iter().for_each(|element| of_value(element, at, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn add(text: &str, at: &[&str], found: &mut Vec<Named>) {
    // Nearly every text of a body is refused by its first letter.
    let text = text.trim();
    if !text.starts_with('/') {
        return;
    }
    if let Ok(id) = ResourceId::parse(text.trim_end_matches('/'))
        && id.is_of(IDENTITY_TYPE)
    {
        found.push(Named { at: at.iter().map(|name| name.to_ascii_lowercase()).collect(), id });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a";

    fn found(body: &Value) -> Vec<String> {
        in_object(body.as_object().unwrap()).into_iter().map(|named| named.at.join(".")).collect()
    }

    #[test]
    fn tn_03_an_identity_is_found_wherever_a_body_names_it_and_in_any_case() {
        for (body, at) in [
            (
                json!({"properties": {"identityProfile": {"kubeletidentity": {"resourceId": ID}}}}),
                "properties.identityprofile.kubeletidentity.resourceid",
            ),
            (json!({"Properties": {"a": [[{"B": ID.to_uppercase()}]]}}), "properties.a.b"),
            (
                json!({"properties": {"identity": {"userAssignedIdentities": {ID: {}}}}}),
                "properties.identity.userassignedidentities",
            ),
            (json!({"properties": {"x": format!(" {ID}/ ")}}), "properties.x"),
            (json!({"sku": ID.to_lowercase()}), "sku"),
            (json!({ID: null}), ""),
        ] {
            assert_eq!(found(&body), [at], "{body}");
        }
        for none in [
            json!({"properties": {"a": "x", "b": 1, "c": "/", "d": "//", "e": format!("{ID}/federatedIdentityCredentials/f")}}),
            json!({"a": format!("x{ID}"), "b": [null, true]}),
        ] {
            assert_eq!(found(&none), [""; 0], "{none}");
        }
    }
}
