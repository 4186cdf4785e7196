//! Values that are taken and never given back. Until there is a guest agent to hand them to they are not
//! even stored: no read, list or export can show what is not there.

use bonafide_types::ResourceId;
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

/// Lists whose entries have a name and a secret `value`, in lower case. Source: the same.
const LISTS: [&str; 3] = ["appsettings", "connectionstrings", "secrets"];

/// Configurations of a site whose every property is a secret, in lower case. Source: the public Azure
/// specification of Microsoft.Web, which reads them by POST only.
const SITE_SETTINGS: [&str; 5] =
    ["appsettings", "azurestorageaccounts", "connectionstrings", "metadata", "publishingcredentials"];

/// Takes out of the body of a resource what may never be read again.
pub(crate) fn drop_secrets_of(id: &ResourceId, body: &mut Map<String, Value>) {
    let type_name = id.type_name();
    let is_config =
        ["Microsoft.Web/sites/config", "Microsoft.Web/sites/slots/config"].iter().any(|of| type_name.is(of));
    if is_config && SITE_SETTINGS.contains(&id.name().to_ascii_lowercase().as_str()) {
        body.shift_remove("properties");
    }
    drop_secrets(body);
}

/// Takes out of a body what may never be read again. The content of an answer file (`content` inside
/// `additionalUnattendContent`) holds passwords too.
fn drop_secrets(body: &mut Map<String, Value>) {
    body.retain(|name, _| !NAMES.contains(&name.to_ascii_lowercase().as_str()));
    for (name, value) in body.iter_mut() {
        if name.eq_ignore_ascii_case("additionalUnattendContent") {
            strip(value, "content");
        }
        if LISTS.contains(&name.to_ascii_lowercase().as_str()) {
            strip(value, "value");
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

/// Takes one member out of each entry of a list.
fn strip(value: &mut Value, member: &str) {
    for element in value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        element.retain(|name, _| !name.eq_ignore_ascii_case(member));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tn_04_lists_and_settings_lose_their_values_and_keep_their_names() {
        let id = |rest: &str| {
            let above = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/g/providers";
            ResourceId::parse(&format!("{above}/{rest}")).unwrap()
        };
        let after = |rest: &str, mut body: Value| {
            drop_secrets_of(&id(rest), body.as_object_mut().unwrap());
            body
        };
        for (list, rest) in [("secrets", "Microsoft.App/containerApps/a"), ("appSettings", "Microsoft.Web/sites/a")] {
            let body = json!({"properties": {"b": {list: [{"name": "n", "Value": "x"}]}}});
            assert_eq!(after(rest, body), json!({"properties": {"b": {list: [{"name": "n"}]}}}));
        }
        for name in ["config/appsettings", "slots/s/config/APPSETTINGS", "config/connectionstrings"] {
            let body = json!({"kind": "k", "properties": {"KEY": "x"}});
            assert_eq!(after(&format!("Microsoft.Web/sites/a/{name}"), body), json!({"kind": "k"}), "{name}");
        }
        let web = json!({"properties": {"linuxFxVersion": "x", "value": "y"}});
        assert_eq!(after("Microsoft.Web/sites/a/config/web", web.clone()), web);
    }

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
