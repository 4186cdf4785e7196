//! Children that the body of their resource lists: locks, roles and limits count on both sides.

use crate::cloud::{Answer, Cloud};
use bonafide_core::access::ScopeKey;
use http::Method;
use serde_json::{Value, json};

const NETWORK: &str = "2024-07-01";
const LOCKS: &str = "2016-09-01";

fn network(cloud: &Cloud) -> String {
    format!("{}/providers/Microsoft.Network/virtualNetworks/net", cloud.at("g"))
}

fn put(cloud: &Cloud, subnets: &Value) -> Answer {
    cloud.put(&network(cloud), NETWORK, json!({"location": "westus", "properties": {"subnets": subnets}}))
}

fn names(answer: &Answer) -> Vec<&str> {
    let subnets = answer.body["properties"]["subnets"].as_array().unwrap();
    subnets.iter().map(|subnet| subnet["name"].as_str().unwrap()).collect()
}

fn lock(cloud: &Cloud, at: &str, level: &str) {
    let lock = format!("{at}/providers/Microsoft.Authorization/locks/keep");
    cloud.put(&lock, LOCKS, json!({"properties": {"level": level}})).expect(201);
}

#[test]
fn a_lock_on_a_child_stops_the_write_of_the_list_that_takes_it_away_or_changes_it() {
    for (level, change_is_refused) in [("CanNotDelete", false), ("ReadOnly", true)] {
        let cloud = Cloud::with_group();
        put(&cloud, &json!([{"name": "a"}, {"name": "b"}])).expect(201);
        lock(&cloud, &format!("{}/subnets/a", network(&cloud)), level);
        put(&cloud, &json!([])).refused(409, "ScopeLocked");
        let changed = put(&cloud, &json!([{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}}]));
        assert_eq!(changed.status == 409, change_is_refused, "{level}");
        // Of what is refused nothing is done.
        let expected: &[&str] = if change_is_refused { &["a", "b"] } else { &["a"] };
        assert_eq!(names(&cloud.get(&network(&cloud), NETWORK)), expected);
        // One that stays as it is can be sent.
        if change_is_refused {
            put(&cloud, &json!([{"name": "A"}])).expect(200);
        }
    }
}

#[test]
fn a_child_of_a_list_has_roles_of_its_own_which_go_with_it_and_not_with_a_change() {
    let cloud = Cloud::with_group();
    put(&cloud, &json!([{"name": "a"}])).expect(201);
    let subnet = format!("{}/subnets/a", network(&cloud));
    let key = cloud.key(&subnet);
    let reader = cloud.person(cloud.owner.tenant, &[("Reader", ScopeKey::Resource(key))]);
    let get = || cloud.call(&reader, Method::GET, &subnet, NETWORK, None).status;
    assert_eq!(get(), 200);
    put(&cloud, &json!([{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}}])).expect(200);
    assert_eq!((get(), cloud.key(&subnet)), (200, key));
    let write = json!({"location": "westus", "properties": {"subnets": []}});
    cloud.call(&reader, Method::PUT, &network(&cloud), NETWORK, Some(write)).refused(403, "AuthorizationFailed");
    put(&cloud, &json!([])).expect(200);
    put(&cloud, &json!([{"name": "a"}])).expect(200);
    assert_eq!(get(), 403);
}

#[test]
fn whoever_may_write_children_alone_does_not_write_their_resource() {
    let cloud = Cloud::with_group();
    put(&cloud, &json!([{"name": "a"}])).expect(201);
    let role = cloud.in_subscription("Reader");
    let call = |method, path: &str, body| cloud.call(&role, method, path, NETWORK, body).status;
    assert_eq!(call(Method::PUT, &format!("{}/subnets/b", network(&cloud)), Some(json!({}))), 403);
    assert_eq!(call(Method::DELETE, &format!("{}/subnets/a", network(&cloud)), None), 403);
    assert_eq!(names(&cloud.get(&network(&cloud), NETWORK)), ["a"]);
}

#[test]
fn a_list_is_bounded_and_refused_whole() {
    let cloud = Cloud::with_group();
    let many = |count: usize| (0..count).map(|n| json!({"name": format!("s{n}")})).collect::<Value>();
    put(&cloud, &many(201)).refused(400, "InvalidRequestContent");
    assert_eq!(cloud.get(&network(&cloud), NETWORK).status, 404);
    let made = put(&cloud, &many(200)).expect(201);
    let in_order: Vec<String> = (0..200).map(|n| format!("s{n}")).collect();
    assert_eq!(names(&made), in_order);
    // Those that stay as they are do not count.
    assert_eq!(names(&put(&cloud, &many(300)).expect(200)).len(), 300);
    put(&cloud, &json!([])).refused(400, "InvalidRequestContent");
    assert_eq!(names(&put(&cloud, &many(100)).expect(200)).len(), 100);
    for wrong in
        [json!([1]), json!([{}]), json!([{"name": ""}]), json!([{"name": 1}]), json!("a"), json!([{"name": "é"}])]
    {
        assert_eq!(put(&cloud, &wrong).status, 400, "{wrong}");
    }
    assert_eq!(names(&cloud.get(&network(&cloud), NETWORK)).len(), 100);
}

#[test]
fn what_an_earlier_version_stored_in_the_body_is_shown_and_becomes_a_child_with_the_next_write() {
    let cloud = Cloud::with_group();
    put(&cloud, &json!([{"name": "a"}])).expect(201);
    cloud.change_stored(&network(&cloud), |row| {
        row["body"]["properties"]["subnets"] =
            json!([{"name": "A", "properties": {}}, {"name": "old", "properties": {}}]);
    });
    let shown = cloud.get(&network(&cloud), NETWORK).expect(200);
    assert_eq!(names(&shown), ["old", "a"]);
    put(&cloud, &shown.body["properties"]["subnets"]).expect(200);
    let after = cloud.get(&network(&cloud), NETWORK).expect(200);
    let mut after = names(&after);
    // In the order in which they were made, which here is one moment.
    after.sort_unstable();
    assert_eq!(after, ["a", "old"]);
    assert_eq!(cloud.get(&format!("{}/subnets/old", network(&cloud)), NETWORK).status, 200);
}

#[test]
fn a_list_of_all_types_has_the_network_and_not_its_children() {
    let cloud = Cloud::with_group();
    put(&cloud, &json!([{"name": "a"}])).expect(201);
    let of = |filter: &str| {
        let path = format!("{}/resources?$filter={filter}", cloud.at("g"));
        cloud.get(&path, "2024-11-01").expect(200).names().len()
    };
    assert_eq!(cloud.get(&format!("{}/resources", cloud.root()), "2024-11-01").expect(200).names(), ["net"]);
    assert_eq!(of("name%20eq%20'a'"), 0);
    assert_eq!(of("resourceType%20eq%20'Microsoft.Network/virtualNetworks/subnets'"), 0);
    assert_eq!(cloud.get(&format!("{}/subnets", network(&cloud)), NETWORK).expect(200).names(), ["a"]);
}

#[test]
fn children_go_with_their_resource() {
    let cloud = Cloud::with_group();
    put(&cloud, &json!([{"name": "a"}])).expect(201);
    cloud.delete(&network(&cloud), NETWORK).expect(200);
    put(&cloud, &json!([])).expect(201);
    assert_eq!(cloud.get(&format!("{}/subnets/a", network(&cloud)), NETWORK).status, 404);
}
