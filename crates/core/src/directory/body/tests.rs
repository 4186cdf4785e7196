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
        deleting: false,
        version: 1,
        created_at: now,
        changed_at: now,
    })
}

/// A body with a secret at a path, every name in capitals and every value in two lists.
fn body_at(path: &str) -> Map<String, Value> {
    let at = |value: Value, name: &str| {
        let name = name.trim_end_matches("[]").replace('*', "any").to_uppercase();
        json!({ name: [[value]], "open": 1 })
    };
    let body = path.rsplit('.').fold(json!(SECRET), at);
    body.as_object().cloned().unwrap_or_default()
}

#[test]
fn tn_04_every_line_of_the_file_hides_its_member_in_any_case_and_list() {
    let lines = include_str!("../../../data/members.txt").lines().filter(|line| !line.starts_with(['#', '*']));
    let mut checked = 0;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let (of, path, mark) = (words[0], words[1], words[2]);
        if mark == "-" {
            continue;
        }
        let Some(mut resource) = resource(of, Body(body_at(path))) else { panic!("{line}") };
        let seen = |resource: &Resource, sight| Value::Object(resource.shown(sight, &|_| true).members).to_string();
        assert!(!seen(&resource, Sight::Declared).contains(SECRET), "{line}");
        assert!(path.split('.').count() == 1 || seen(&resource, Sight::Declared).contains("open"), "{line}");
        assert_eq!(seen(&resource, Sight::Whole).contains(SECRET), mark == "writers", "{line}");
        resource.body = Body::kept(&resource.id, body_at(path));
        assert_eq!(Value::Object(resource.body.0).to_string().contains(SECRET), mark == "writers", "{line}");
        checked += 1;
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn tn_04_a_patch_leaves_no_secret_and_what_is_stored_prints_nothing() {
    let Some(resource) = resource("Microsoft.Network/connections", Body::default()) else { panic!() };
    let mut body = Body(body_at("properties.sharedKey"));
    body.patch(&resource.id, &body_at("properties.authorizationKey")).unwrap();
    assert!(!Value::Object(body.0.clone()).to_string().contains(SECRET));
    assert_eq!(format!("{:?}", Body(body_at("properties.sharedKey"))), "Body(..)");
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
        "disablePassword": true, "open": 1, "passwordAge": 1}});
    let body = Body(sent.as_object().unwrap().clone());
    let Some(resource) = resource("Microsoft.Network/virtualNetworks", body) else { panic!() };
    let shown = resource.shown(Sight::Declared, &|_| true);
    let open = json!({"properties": {"a": {"b": [{}]}, "disablePassword": true, "open": 1, "passwordAge": 1}});
    assert_eq!((Value::Object(shown.members), shown.is_partial), (open, true));
    assert_eq!(Value::Object(resource.shown(Sight::Whole, &|_| true).members), sent);
}
