//! Children that their resource lists: what keeps the answer small, and one side from undoing the other unseen.

use crate::cloud::{Answer, Cloud};
use http::Method;
use serde_json::{Value, json};

const NETWORK: &str = "2024-07-01";
const LOCKS: &str = "2016-09-01";

fn at(cloud: &Cloud, type_name: &str, name: &str) -> String {
    format!("{}/providers/Microsoft.Network/{type_name}/{name}", cloud.at("g"))
}

fn put(cloud: &Cloud, path: &str, properties: Value) -> Answer {
    cloud.put(path, NETWORK, json!({"location": "westus", "properties": properties}))
}

fn put_if(cloud: &Cloud, path: &str, etag: &str, properties: Value) -> Answer {
    let body = json!({"location": "westus", "properties": properties}).to_string();
    cloud.raw_as(&cloud.owner, Method::PUT, path, NETWORK, &[("if-match", etag)], body.as_bytes())
}

fn etag(cloud: &Cloud, path: &str) -> String {
    cloud.get(path, NETWORK).expect(200).header("etag").to_owned()
}

fn length(answer: &Answer, list: &str) -> usize {
    answer.body["properties"][list].as_array().unwrap().len()
}

#[test]
fn tn_08_an_etag_from_before_a_child_changed_allows_no_write_of_the_list() {
    for (above, list) in [
        ("virtualNetworks", "subnets"),
        ("virtualNetworks", "virtualNetworkPeerings"),
        ("networkSecurityGroups", "securityRules"),
        ("loadBalancers", "inboundNatRules"),
        ("loadBalancers", "backendAddressPools"),
        ("routeTables", "routes"),
    ] {
        let cloud = Cloud::with_group();
        let path = at(&cloud, above, "up");
        let child = format!("{path}/{list}/b");
        let none = json!({list: []});
        put(&cloud, &path, none.clone()).expect(201);
        let tags = format!("{child}/providers/Microsoft.Resources/tags/default");
        let changes: [&dyn Fn() -> Answer; 4] = [
            &|| put(&cloud, &child, json!({})).expect(201),
            &|| put(&cloud, &child, json!({"a": 1})).expect(200),
            &|| cloud.put(&tags, "2021-04-01", json!({"properties": {"tags": {"a": "b"}}})).expect(200),
            &|| cloud.delete(&child, NETWORK).expect(200),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let before = etag(&cloud, &path);
            change();
            let kept = cloud.get(&child, NETWORK).status;
            put_if(&cloud, &path, &before, none.clone()).refused(412, "PreconditionFailed");
            assert_eq!(cloud.get(&child, NETWORK).status, kept, "{list} {n}");
        }
        let now = etag(&cloud, &path);
        put_if(&cloud, &path, &now, none.clone()).expect(200);
    }
}

#[test]
fn a_name_in_a_list_is_one_segment_and_leads_below_no_lock() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "loadBalancers", "up");
    put(&cloud, &path, json!({"backendAddressPools": [{"name": "a"}]})).expect(201);
    let locked = format!("{path}/backendAddressPools/a/providers/Microsoft.Network/loadBalancers/q");
    put(&cloud, &locked, json!({})).expect(201);
    let lock = format!("{locked}/providers/Microsoft.Authorization/locks/keep");
    cloud.put(&lock, LOCKS, json!({"properties": {"level": "ReadOnly"}})).expect(201);
    let inside = "a/providers/Microsoft.Network/loadBalancers/q/backendAddressPools/z";
    for name in [inside, "a/z", "/z", "z/", "..", "a%2Fz"] {
        put(&cloud, &path, json!({"backendAddressPools": [{"name": "a"}, {"name": name}]}))
            .refused(400, "InvalidRequestContent");
    }
    assert_eq!(cloud.get(&format!("{path}/backendAddressPools/{inside}"), NETWORK).status, 404);
    assert_eq!(length(&cloud.get(&path, NETWORK), "backendAddressPools"), 1);
}

#[test]
fn an_element_passes_the_checks_of_a_write_by_its_own_path() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "virtualNetworks", "up");
    for element in [
        json!({"name": "a", "managedBy": 5}),
        json!({"name": "a", "location": {"x": 1}}),
        json!({"name": "a", "location": "é"}),
        json!({"name": "a", "Name": "b"}),
        json!({"name": "a", "properties": {}, "Properties": {}}),
        json!({"name": "a", "properties": "x"}),
        json!({"name": "a", "properties": [1]}),
        json!({"name": "a", "identity": {"type": "SystemAssigned"}}),
    ] {
        assert_eq!(put(&cloud, &path, json!({"subnets": [element]})).status, 400, "{element}");
    }
    assert_eq!(cloud.get(&path, NETWORK).status, 404);
    put(&cloud, &path, json!({"subnets": [{"Name": "a", "location": "West US"}]})).expect(201);
    let child = format!("{path}/subnets/a");
    assert_eq!(cloud.get(&child, NETWORK).body["location"], "westus");
    put(&cloud, &path, json!({"subnets": [{"name": "a", "location": "eastus"}]}))
        .refused(409, "InvalidResourceLocation");
    assert_eq!(put(&cloud, &child, json!("x")).status, 400);
}

#[test]
fn np_09_the_children_that_a_resource_lists_have_a_bound_in_bytes_on_both_sides() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "virtualNetworks", "up");
    put(&cloud, &path, json!({})).expect(201);
    let child = |n: usize| format!("{path}/subnets/s{n}");
    let text = |kib: usize| json!({"x": "y".repeat(kib << 10)});
    for n in 0..4 {
        put(&cloud, &child(n), text(900)).expect(201);
    }
    put(&cloud, &child(4), text(900)).refused(400, "ChildrenTooLarge");
    put(&cloud, &path, json!({"virtualNetworkPeerings": [{"name": "p", "properties": text(900)}]}))
        .refused(400, "ChildrenTooLarge");
    put(&cloud, &child(4), text(100)).expect(201);
    put(&cloud, &child(4), text(900)).refused(400, "ChildrenTooLarge");
    let tags = |n: usize| {
        (0..50)
            .map(|tag| (format!("{tag:0>500}{n}"), json!("v".repeat(256))))
            .collect::<serde_json::Map<String, Value>>()
    };
    let full = (5..60).find(|n| {
        let answer = cloud.put(&child(*n), NETWORK, json!({"tags": tags(*n)}));
        answer.status == 400
    });
    assert!(full.is_some());
    assert!(cloud.get(&path, NETWORK).expect(200).body.to_string().len() < 5 << 20);
    // Children that are gone make room, by either side.
    cloud.delete(&child(0), NETWORK).expect(200);
    put(&cloud, &child(0), text(800)).expect(201);
    put(&cloud, &path, json!({"subnets": []})).expect(200);
    for n in 0..4 {
        put(&cloud, &child(n), text(900)).expect(201);
    }
    put(&cloud, &child(4), text(900)).refused(400, "ChildrenTooLarge");
}

#[test]
fn what_becomes_smaller_makes_room_in_the_same_write_wherever_it_stands() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "virtualNetworks", "up");
    put(&cloud, &path, json!({})).expect(201);
    let text = |kib: usize| json!({"x": "y".repeat(kib << 10)});
    for (n, kib) in [400, 900, 900, 900, 900].into_iter().enumerate() {
        put(&cloud, &format!("{path}/subnets/s{n}"), text(kib)).expect(201);
    }
    put(&cloud, &format!("{path}/subnets/s0"), text(900)).refused(400, "ChildrenTooLarge");
    let one = |(n, kib)| json!({"name": format!("s{n}"), "properties": text(kib)});
    let subnets: Vec<Value> = [900, 10, 10, 10, 10].into_iter().enumerate().map(one).collect();
    put(&cloud, &path, json!({"subnets": subnets})).expect(200);
}

#[test]
fn np_09_children_in_no_list_take_no_room_from_the_lists() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "virtualNetworks", "up");
    put(&cloud, &path, json!({})).expect(201);
    let other = |n: usize| format!("{path}/providers/Microsoft.Network/routeTables/r{n}");
    let text = json!({"x": "y".repeat(900 << 10)});
    for n in 0..4 {
        put(&cloud, &other(n), text.clone()).expect(201);
    }
    put(&cloud, &other(4), text.clone()).refused(400, "ChildrenTooLarge");
    put(&cloud, &format!("{path}/subnets/a"), text).expect(201);
}

#[test]
fn np_09_text_counts_as_long_as_it_is_when_it_is_written() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "virtualNetworks", "up");
    put(&cloud, &path, json!({})).expect(201);
    let text = json!({"x": "\u{1}".repeat(150 << 10)});
    let full = (0..10).find(|n| put(&cloud, &format!("{path}/subnets/s{n}"), text.clone()).status == 400);
    assert_eq!(full, Some(4));
}

#[test]
fn np_09_many_small_values_count_as_much_as_the_memory_that_they_take() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "routeTables", "up");
    put(&cloud, &path, json!({})).expect(201);
    let made =
        (0..60).take_while(|n| put(&cloud, &format!("{path}/routes/r{n}"), json!({"x": vec![0; 9_000]})).status == 201);
    assert!((5..30).contains(&made.count()));
}

#[test]
fn np_09_the_children_that_a_resource_lists_have_a_bound_in_number_on_both_sides() {
    let cloud = Cloud::with_group();
    let path = at(&cloud, "routeTables", "up");
    let routes =
        |count: usize| json!({"routes": (0..count).map(|n| json!({"name": format!("r{n}")})).collect::<Value>()});
    put(&cloud, &path, routes(200)).expect(201);
    put(&cloud, &path, routes(399)).expect(200);
    put(&cloud, &path, routes(401)).refused(400, "RouteCountLimitReached");
    put(&cloud, &format!("{path}/routes/one"), json!({})).expect(201);
    put(&cloud, &format!("{path}/routes/two"), json!({})).refused(400, "RouteCountLimitReached");
    put(&cloud, &format!("{path}/routes/one"), json!({"a": 1})).expect(200);
    assert_eq!(length(&cloud.get(&path, NETWORK), "routes"), 400);
    cloud.delete(&format!("{path}/routes/one"), NETWORK).expect(200);
    put(&cloud, &format!("{path}/routes/two"), json!({})).expect(201);
    put(&cloud, &format!("{path}/routes/one"), json!({})).refused(400, "RouteCountLimitReached");
    // Children of an earlier version are counted when the next is written.
    cloud.change_stored(&path, |row| drop(row.as_object_mut().unwrap().remove("below")));
    put(&cloud, &format!("{path}/routes/one"), json!({})).refused(400, "RouteCountLimitReached");
    let (many, began) = (routes(4_000), std::time::Instant::now());
    put(&cloud, &path, many).refused(400, "RouteCountLimitReached");
    assert!(began.elapsed().as_secs() < 5);
    let groups = at(&cloud, "networkSecurityGroups", "up");
    let rules = (0..1_001).map(|n| json!({"name": format!("r{n}")})).collect::<Value>();
    let refused = put(&cloud, &groups, json!({"securityRules": rules}));
    refused.refused(400, "SecurityRuleCountLimitReached");
}

#[test]
fn np_09_the_extensions_of_a_machine_have_a_bound_and_its_view_with_them() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("m"), "2023-03-01", json!({"location": "westus", "properties": {}})).expect(201);
    let extension = |n: usize| format!("{}/extensions/e{n}", cloud.vm("m"));
    let body = json!({"location": "westus", "properties": {"publisher": "p".repeat(900 << 10), "type": "t"}});
    let before = cloud.get(&cloud.vm("m"), "2023-03-01").headers;
    for n in 0..4 {
        cloud.put(&extension(n), "2023-03-01", body.clone()).expect(201);
    }
    cloud.put(&extension(4), "2023-03-01", body).refused(400, "ChildrenTooLarge");
    let view = cloud.get(&format!("{}/instanceView", cloud.vm("m")), "2023-03-01").expect(200);
    assert!(view.body.to_string().len() < 5 << 20);
    // No write of the machine writes its extensions: its etag is its own.
    assert_eq!(cloud.get(&cloud.vm("m"), "2023-03-01").headers.get("etag"), before.get("etag"));
}

#[test]
fn a_resource_that_has_more_children_than_it_can_have_loses_them_one_by_one_and_takes_none() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("m"), "2023-03-01", json!({"location": "westus", "properties": {}})).expect(201);
    cloud.fill(&cloud.vm("m"), 102);
    let extension = |n: usize| format!("{}/extensions/e{n}", cloud.vm("m"));
    let put = |n: usize| cloud.put(&extension(n), "2023-03-01", json!({"location": "westus"}));
    put(102).refused(400, "ExtensionCountLimitReached");
    for n in 0..3 {
        put(102).refused(400, "ExtensionCountLimitReached");
        cloud.delete(&extension(n), "2023-03-01").expect(200);
    }
    put(102).expect(201);
    put(103).refused(400, "ExtensionCountLimitReached");
}

#[test]
fn np_09_a_page_of_resources_with_many_children_ends_by_its_bytes() {
    let cloud = Cloud::with_group();
    for n in 0..4 {
        let path = at(&cloud, "virtualNetworks", &format!("n{n}"));
        put(&cloud, &path, json!({})).expect(201);
        for child in 0..4 {
            let child = format!("{path}/subnets/s{child}");
            put(&cloud, &child, json!({"x": "y".repeat(1_000 << 10)})).expect(201);
        }
    }
    let page = cloud.get(&format!("{}/providers/Microsoft.Network/virtualNetworks", cloud.root()), NETWORK).expect(200);
    assert!(page.body["nextLink"].is_string());
    assert!(page.names().len() < 3 && page.body.to_string().len() < 9 << 20);
}
