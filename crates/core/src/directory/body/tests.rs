use super::*;
use crate::directory::{GROUP_TYPE, Power, Resource, ResourceIdentity};
use bonafide_types::{TenantId, Timestamp};
use serde_json::json;
use uuid::Uuid;

const SECRET: &str = "hunter2";

/// A resource of a type, or of one of its names (`type=name`).
fn resource(of: &str, body: Body) -> Option<Resource> {
    let (type_name, name) = of.split_once('=').unwrap_or((of, "n"));
    let (namespace, types) = type_name.split_once('/')?;
    let names = types.split('/').map(|word| format!("/{word}/x")).collect::<String>();
    let above = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/g/providers";
    let text = format!("{above}/{namespace}{}", names.strip_suffix('x')?) + &name.to_uppercase();
    let id = ResourceId::parse(&text).ok().filter(|id| !id.is_of(GROUP_TYPE))?;
    let now = Timestamp::from_unix_micros(0);
    Some(Resource {
        id,
        tenant: TenantId::new(Uuid::nil()),
        group: None,
        parent: None,
        tags: Map::new(),
        identity: ResourceIdentity::default(),
        principal: None,
        body,
        power: Power::default(),
        set: None,
        model: 0,
        instances_made: 0,
        host: None,
        host_resource: None,
        extension: None,
        model_extension: None,
        below: None,
        deleting: false,
        version: 1,
        created_at: now,
        changed_at: now,
    })
}

/// A body with a secret at a path, every name in capitals; `put` gives each value the form that its name in the path says.
fn body_at(path: &str, put: impl Fn(Value, &str) -> Value) -> Map<String, Value> {
    let at = |value: Value, name: &str| {
        let plain = name.trim_end_matches("[]").replace('*', "any").to_uppercase();
        json!({ plain: put(value, name), "open": 1 })
    };
    let body = path.rsplit('.').fold(json!(SECRET), at);
    body.as_object().cloned().unwrap_or_default()
}

/// The form that the description has.
fn described(value: Value, name: &str) -> Value {
    if name.ends_with("[]") { json!([value]) } else { value }
}

/// A form that no description has.
fn nested(value: Value, _: &str) -> Value {
    json!([[value]])
}

fn seen(resource: &Resource, sight: Sight) -> String {
    Value::Object(resource.shown(sight, &|_| true).members).to_string()
}

#[test]
fn tn_04_every_line_of_the_file_hides_its_member_in_any_case_and_list() {
    let lines = include_str!("../../../data/members.txt").lines().filter(|line| !line.starts_with(['#', '*']));
    let mut checked = 0;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let (of, path, mark) = (words[0], words[1], words[2]);
        if matches!(mark, "-" | "readable") {
            continue;
        }
        for put in [described, nested] {
            let Some(mut resource) = resource(of, Body(body_at(path, put))) else { panic!("{line}") };
            assert!(!seen(&resource, Sight::Declared).contains(SECRET), "{line}");
            assert_eq!(seen(&resource, Sight::Whole).contains(SECRET), mark == "writers", "{line}");
            assert_eq!(resource.body.drop_secrets(&resource.id), mark == "secret", "{line}");
            resource.body = Body::kept(&resource.id, body_at(path, put));
            assert!(!resource.body.drop_secrets(&resource.id), "{line}");
            assert_eq!(Value::Object(resource.body.0).to_string().contains(SECRET), mark == "writers", "{line}");
        }
        let Some(resource) = resource(of, Body(body_at(path, described))) else { panic!("{line}") };
        let is_deep = path.split('.').count() > 1;
        assert!(!is_deep || seen(&resource, Sight::Declared).contains("open"), "{line}");
        checked += 1;
    }
    assert!(checked > 500, "{checked}");
}

/// A resource of a described type as readers and as writers see it.
fn both(of: &str, sent: &Value) -> (Value, Value) {
    let Some(resource) = resource(of, Body(sent.as_object().unwrap().clone())) else { panic!() };
    let [reader, writer] = [Sight::Declared, Sight::Whole].map(|sight| resource.shown(sight, &|_| true));
    assert!(reader.is_partial && !writer.is_partial);
    (Value::Object(reader.members), Value::Object(writer.members))
}

#[test]
fn tn_04_a_value_of_another_shape_than_the_path_of_a_secret_is_for_writers() {
    for shape in
        [json!({"a": SECRET}), json!({"a": {"b": SECRET}}), json!(SECRET), json!([SECRET]), json!([[{"x": SECRET}]])]
    {
        let sent = json!({"properties": {"configuration": {"secrets": shape}, "open": 1}});
        let open = json!({"properties": {"configuration": {}, "open": 1}});
        assert_eq!(both("Microsoft.App/containerApps", &sent), (open, sent));
    }
    for properties in [json!(SECRET), json!([{"x": SECRET}]), json!([SECRET])] {
        let sent = json!({"properties": properties, "location": "open"});
        for of in ["Microsoft.Web/sites", "Microsoft.Network/virtualNetworks"] {
            assert_eq!(both(of, &sent), (json!({"location": "open"}), sent.clone()));
        }
    }
}

#[test]
fn tn_04_a_member_beside_properties_that_is_not_known_is_for_writers() {
    let sent = json!({"siteConfig": {"appSettings": [{"name": "a", "value": SECRET}]}, "kind": {"x": SECRET},
        "sku": {"name": "open", "x": SECRET}, "properties": {"open": 1}, "location": "open"});
    let open = json!({"sku": {"name": "open"}, "properties": {"open": 1}, "location": "open"});
    assert_eq!(both("Microsoft.Web/sites", &sent), (open, sent));
}

#[test]
fn tn_04_a_patch_leaves_no_secret_and_what_is_stored_prints_nothing() {
    let Some(resource) = resource("Microsoft.Network/connections", Body::default()) else { panic!() };
    let mut body = Body(body_at("properties.sharedKey", described));
    body.patch(&resource.id, &body_at("properties.authorizationKey", described)).unwrap();
    assert!(!Value::Object(body.0.clone()).to_string().contains(SECRET));
    assert_eq!(format!("{:?}", Body(body_at("properties.sharedKey", described))), "Body(..)");
}

#[test]
fn tn_04_of_what_nobody_described_a_reader_sees_plain_values_of_known_members() {
    let sent = json!({"kind": {"x": SECRET}, "sku": {"name": "open", "tier": [SECRET, {"x": SECRET}], "x": SECRET},
        "zones": ["1"], "plan": SECRET, "properties": {"x": SECRET, "provisioningState": "open"}, "x": SECRET});
    let body = Body(sent.as_object().unwrap().clone());
    let Some(resource) = resource("Microsoft.Nobody/nothings", body) else { panic!() };
    let shown = resource.shown(Sight::Declared, &|_| true);
    let declared = json!({"sku": {"name": "open"}, "zones": ["1"], "properties": {"provisioningState": "open"}});
    assert_eq!((Value::Object(shown.members), shown.is_partial), (declared, true));
    let whole = resource.shown(Sight::Whole, &|_| true);
    assert_eq!((Value::Object(whole.members), whole.is_partial), (sent, false));
}

#[test]
fn tn_04_a_member_that_a_description_lacks_is_for_writers_when_its_name_ends_like_a_secret() {
    let sent = json!({"properties": {"newPassword": SECRET, "a": {"b": [{"laterSharedKey": SECRET}]},
        "rdb-later-connection-string": SECRET, "aof_connection_string-0": SECRET, "accessKey1": SECRET,
        "later.Password": SECRET, "connectionStrings": [SECRET],
        "machineKey": {"validationKey": SECRET, "decryptionKey": SECRET, "decryption": "AES"},
        "disablePassword": true, "open": 1, "passwordAge": 1}});
    let open = json!({"properties": {"a": {"b": [{}]}, "machineKey": {"decryption": "AES"}, "disablePassword": true, "open": 1, "passwordAge": 1}});
    assert_eq!(both("Microsoft.Network/virtualNetworks", &sent), (open, sent));
}
