//! Values that are taken and never given back. Until there is a guest agent to hand them to they are not
//! even stored: no read, list or export can show what is not there.

use serde_json::{Map, Value};

/// Names of members that hold secrets, in any resource type and at any depth, in lower case. Sources:
/// the `secret` formats of the public Azure specifications, and the templates in common use.
const NAMES: [&str; 19] = [
    "adminpassword",
    "administratorloginpassword",
    "clientsecret",
    "connectionstring",
    "customdata",
    "password",
    "primaryconnectionstring",
    "primarykey",
    "primarysharedkey",
    "protectedsettings",
    "registrypassword",
    "secondarykey",
    "secretvalue",
    "securevalue",
    "sharedkey",
    "storageaccountaccesskey",
    "storageaccountkey",
    "storageaccountsharedkey",
    "workspacekey",
];

/// Takes out of a body what may never be read again. The content of an answer file (`content` inside
/// `additionalUnattendContent`) holds passwords too.
pub(crate) fn drop_secrets(body: &mut Map<String, Value>) {
    body.retain(|name, _| !NAMES.contains(&name.to_ascii_lowercase().as_str()));
    for (name, value) in body.iter_mut() {
        if name.eq_ignore_ascii_case("additionalUnattendContent") {
            strip_content(value);
        }
        descend(value);
    }
}

fn descend(value: &mut Value) {
    match value {
        Value::Object(object) => drop_secrets(object),
        Value::Array(elements) => elements.iter_mut().for_each(descend),
        _ => {}
    }
}

fn strip_content(value: &mut Value) {
    for element in value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        element.retain(|name, _| !name.eq_ignore_ascii_case("content"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tn_04_secrets_are_taken_out_at_any_depth_and_in_any_case() {
        let mut body = json!({"properties": {"osProfile": {"AdminPassword": "x", "adminUsername": "u", "customData": "x",
            "windowsConfiguration": {"additionalUnattendContent": [{"passName": "p", "content": "x"}]}},
            "list": [{"protectedSettings": {"a": "x"}, "b": 1}]}});
        drop_secrets(body.as_object_mut().unwrap());
        assert_eq!(
            body,
            json!({"properties": {"osProfile": {"adminUsername": "u",
            "windowsConfiguration": {"additionalUnattendContent": [{"passName": "p"}]}}, "list": [{"b": 1}]}})
        );
    }
}
