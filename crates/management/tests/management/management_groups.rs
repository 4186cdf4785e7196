//! Management groups: a tree of scopes above subscriptions.

use crate::cloud::{ARM, AUTHZ, Answer, Cloud, Person, VM};
use bonafide_core::access::ScopeKey;
use http::Method;
use serde_json::{Value, json};

const MG: &str = "2021-04-01";

fn path(name: &str) -> String {
    format!("/providers/Microsoft.Management/managementGroups/{name}")
}

fn below(parent: &str) -> Value {
    json!({"properties": {"details": {"parent": {"id": path(parent)}}}})
}

impl Cloud {
    fn root_group(&self) -> String {
        path(&self.tenant.to_string())
    }

    fn group(&self, name: &str, parent: &str) {
        self.put(&path(name), MG, below(parent)).expect(200);
    }

    fn place(&self, group: &str) {
        self.put(&format!("{}/subscriptions/{}", path(group), self.subscription), MG, json!({})).expect(200);
    }

    fn by(&self, who: &Person, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call(who, method, path, MG, body)
    }

    fn root_name(&self) -> String {
        self.tenant.to_string()
    }
}

#[test]
fn a_role_at_a_group_counts_in_all_that_lies_in_it_and_nowhere_else() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    cloud.group("Top", &cloud.root_name());
    cloud.group("inner", "top");
    cloud.group("beside", "Top");
    let person = cloud.person(cloud.tenant, &[]);
    cloud.grant(&person, "Reader", &path("TOP"));
    let read = || cloud.call(&person, Method::GET, &cloud.vm("vm1"), VM, None).status;
    assert_eq!(read(), 403);
    for (group, status) in [("inner", 200), ("beside", 200), ("top", 200), (&*cloud.root_name(), 403), ("inner", 200)] {
        cloud.place(group);
        assert_eq!(read(), status, "{group}");
    }
    // Moved as a whole, and the subscription in it.
    let root = json!({"parentGroupId": cloud.root_group()});
    cloud.call(&cloud.owner, Method::PATCH, &path("inner"), MG, Some(root)).expect(200);
    assert_eq!(read(), 403);
    cloud
        .call(&cloud.owner, Method::PATCH, &path("inner"), MG, Some(json!({"parentGroupId": path("top")})))
        .expect(200);
    assert_eq!(read(), 200);
    let listed = cloud.call(&person, Method::GET, "/subscriptions", ARM, None).expect(200);
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1);
    cloud.call(&person, Method::GET, &cloud.root(), ARM, None).expect(200);
    let other = format!("/subscriptions/{}", cloud.second_subscription);
    cloud.call(&person, Method::GET, &other, ARM, None).refused(403, "AuthorizationFailed");
}

#[test]
fn the_root_group_is_below_the_root_and_above_everything_else() {
    let cloud = Cloud::with_group();
    let person = cloud.person(cloud.tenant, &[]);
    cloud.grant(&person, "Owner", &cloud.root_group());
    cloud.call(&person, Method::GET, &cloud.at("g"), ARM, None).expect(200);
    let at_root = "/providers/Microsoft.Authorization/roleAssignments";
    cloud.call(&person, Method::GET, at_root, AUTHZ, None).refused(403, "AuthorizationFailed");
    let listed = cloud.call(&person, Method::GET, "/subscriptions", ARM, None).expect(200);
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 2);
    // It is no row: it cannot be changed or deleted, nor moved.
    for (method, body) in [
        (Method::PUT, below(&cloud.root_name())),
        (Method::PATCH, json!({"displayName": "x"})),
        (Method::DELETE, json!({})),
    ] {
        cloud.call(&cloud.owner, method, &cloud.root_group(), MG, Some(body)).refused(400, "BadRequest");
    }
    assert_eq!(cloud.get(&cloud.root_group(), MG).expect(200).body["properties"]["displayName"], "Tenant Root Group");
}

#[test]
fn a_move_needs_the_right_at_both_ends_and_at_what_is_moved() {
    let cloud = Cloud::with_group();
    for name in ["a", "b"] {
        cloud.group(name, &cloud.root_name());
    }
    cloud.group("child", "a");
    cloud.place("a");
    let move_child =
        |who: &Person| cloud.by(who, Method::PATCH, &path("child"), Some(json!({"parentGroupId": path("b")})));
    let subscription = format!("{}/subscriptions/{}", path("b"), cloud.subscription);
    let move_subscription = |who: &Person| cloud.by(who, Method::PUT, &subscription, None);
    let contributor = "Management Group Contributor";
    let person = |roles: &[(&str, &str)]| {
        let person = cloud.person(cloud.tenant, &[]);
        for (role, scope) in roles {
            cloud.grant(&person, role, scope);
        }
        person
    };
    let (a, b, child, root) = (path("a"), path("b"), path("child"), cloud.root());
    for roles in [
        vec![],
        vec![(contributor, &*child)],
        vec![(contributor, &*a)],
        vec![(contributor, &*b)],
        vec![(contributor, &*child), (contributor, &*b)],
        vec![("Reader", &*a), ("Reader", &*b), (contributor, &*child)],
    ] {
        move_child(&person(&roles)).refused(403, "AuthorizationFailed");
    }
    move_child(&person(&[(contributor, &a), (contributor, &b)])).expect(200);
    for roles in [
        vec![(contributor, &*a), (contributor, &*b)],
        vec![("Owner", &*root), (contributor, &*a)],
        vec![("Owner", &*root), (contributor, &*b)],
        vec![("Contributor", &*root), (contributor, &*a), (contributor, &*b)],
    ] {
        move_subscription(&person(&roles)).refused(403, "AuthorizationFailed");
    }
    move_subscription(&person(&[("User Access Administrator", &root), (contributor, &a), (contributor, &b)]))
        .expect(200);
    // Out of a group, into the root group: no right is needed there.
    let take = |who: &Person| cloud.by(who, Method::DELETE, &subscription, None);
    take(&person(&[(contributor, &b)])).refused(403, "AuthorizationFailed");
    take(&person(&[("Owner", &root)])).refused(403, "AuthorizationFailed");
    take(&person(&[("Owner", &root), (contributor, &b)])).expect(200);
    cloud.get(&subscription, MG).refused(404, "SubscriptionNotFound");
    take(&cloud.owner).expect(204);
}

#[test]
fn a_group_is_made_by_who_may_write_where_it_is_to_lie() {
    let cloud = Cloud::new();
    cloud.group("team", &cloud.root_name());
    let (member, stranger) = (cloud.person(cloud.tenant, &[]), cloud.in_subscription("Owner"));
    cloud.grant(&member, "Management Group Contributor", &path("team"));
    let make = |who: &Person, name: &str, body: Value| cloud.by(who, Method::PUT, &path(name), Some(body));
    make(&member, "ours", below("team")).expect(200);
    make(&member, "not-ours", json!({})).refused(403, "AuthorizationFailed");
    make(&member, "not-ours", below(&cloud.root_name())).refused(403, "AuthorizationFailed");
    make(&member, "not-ours", below("nowhere")).refused(403, "AuthorizationFailed");
    make(&cloud.owner, "not-ours", below("nowhere")).refused(404, "NotFound");
    for body in [below("team"), json!({}), json!({"x": 1})] {
        make(&stranger, "theirs", body.clone()).refused(403, "AuthorizationFailed");
        make(&stranger, "team", body).refused(403, "AuthorizationFailed");
    }
    for name in ["nowhere", "team"] {
        cloud.by(&stranger, Method::GET, &path(name), None).refused(403, "AuthorizationFailed");
        cloud.by(&stranger, Method::DELETE, &path(name), None).refused(403, "AuthorizationFailed");
    }
    make(&cloud.owner, "bad name", json!({})).refused(400, "InvalidResourceName");
    let refused = make(&cloud.owner, "x", json!({"properties": {"details": {"parent": {"id": "team"}}}}));
    refused.refused(400, "InvalidRequestContent");
    make(&cloud.owner, "x", json!({"properties": {"roles": []}})).refused(400, "InvalidRequestContent");
}

#[test]
fn the_tree_has_six_levels_and_no_circle() {
    let cloud = Cloud::new();
    let mut parent = cloud.root_name();
    for level in 1..=6 {
        cloud.group(&format!("l{level}"), &parent);
        parent = format!("l{level}");
    }
    cloud.put(&path("l7"), MG, below("l6")).refused(400, "BadRequest");
    cloud.group("s1", &cloud.root_name());
    cloud.group("s2", "s1");
    let to = |name: &str, parent: &str| cloud.put(&path(name), MG, below(parent));
    to("s1", "l5").refused(400, "BadRequest");
    to("s1", "l4").expect(200);
    to("l4", "s2").refused(400, "BadRequest");
    to("l1", "l1").refused(400, "BadRequest");
    to("l1", "L6").refused(400, "BadRequest");
}

#[test]
fn a_group_in_which_something_lies_is_not_deleted_and_its_roles_go_with_it() {
    let cloud = Cloud::with_group();
    cloud.group("a", &cloud.root_name());
    cloud.group("b", "a");
    let person = cloud.person(cloud.tenant, &[]);
    cloud.grant(&person, "Reader", &path("a"));
    cloud.delete(&path("a"), MG).refused(400, "BadRequest");
    cloud.delete(&path("b"), MG).expect(204);
    cloud.place("a");
    cloud.delete(&path("a"), MG).refused(400, "BadRequest");
    cloud.place(&cloud.root_name());
    cloud.delete(&path("a"), MG).expect(204);
    cloud.delete(&path("a"), MG).expect(204);
    cloud.get(&path("a"), MG).refused(404, "NotFound");
    // A group that is made again under the same name is another one.
    cloud.group("a", &cloud.root_name());
    cloud.place("a");
    cloud.call(&person, Method::GET, &cloud.at("g"), ARM, None).refused(403, "AuthorizationFailed");
    let listed = format!("{}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()", path("a"));
    assert_eq!(cloud.get(&listed, AUTHZ).expect(200).body["value"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_there_holds_no_role_assignment() {
    let cloud = Cloud::new();
    let person = cloud.person(cloud.tenant, &[]);
    let role = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
    let body = json!({"properties": {"principalId": person.id.to_string(), "roleDefinitionId": role}});
    let at = |group: &str| {
        format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", path(group), uuid::Uuid::from_u128(1))
    };
    cloud.put(&at("none"), AUTHZ, body.clone()).refused(404, "NotFound");
    cloud.put(&at(&cloud.root_name()), AUTHZ, body).expect(201);
    cloud.get(&at("none"), AUTHZ).refused(404, "NotFound");
    cloud.delete(&at("none"), AUTHZ).refused(404, "NotFound");
    cloud.get(&at(&cloud.root_name().to_uppercase()), AUTHZ).expect(200);
}

#[test]
fn a_custom_role_is_assignable_in_one_group_and_all_that_lies_in_it() {
    let cloud = Cloud::with_group();
    cloud.group("a", &cloud.root_name());
    cloud.group("b", &cloud.root_name());
    let role = |scopes: &[String], data: &[&str]| {
        let permission = json!({"actions": ["Microsoft.Resources/*/read"], "dataActions": data});
        json!({"properties": {"roleName": "mine", "assignableScopes": scopes, "permissions": [permission]}})
    };
    let id = uuid::Uuid::from_u128(7);
    let definition = |scope: &str| format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}");
    let both = [path("a"), path("b")];
    cloud.put(&definition(&path("a")), AUTHZ, role(&both, &[])).refused(400, "InvalidRequestContent");
    cloud.put(&definition(&path("a")), AUTHZ, role(&[path("none")], &[])).refused(404, "NotFound");
    let made = cloud.put(&definition(&path("a")), AUTHZ, role(&both[..1], &[])).expect(201);
    assert_eq!(made.body["properties"]["assignableScopes"], json!([path("a")]));
    let person = cloud.person(cloud.tenant, &[]);
    let assign = |scope: &str, n: u128| {
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", uuid::Uuid::from_u128(n));
        let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{id}");
        cloud.put(&path, AUTHZ, json!({"properties": {"principalId": person.id.to_string(), "roleDefinitionId": role}}))
    };
    let outside = "RoleAssignmentScopeNotAssignableToRoleDefinition";
    assign(&cloud.root(), 1).refused(400, outside);
    assign(&path("b"), 1).refused(400, outside);
    cloud.place("a");
    assign(&cloud.at("g"), 1).expect(201);
    let read = || cloud.call(&person, Method::GET, &cloud.at("g"), ARM, None).status;
    assert_eq!(read(), 200);
    cloud.place("b");
    assert_eq!(read(), 403);
    cloud.place("a");
    // Data actions reach no further than a subscription.
    cloud.put(&definition(&path("a")), AUTHZ, role(&both[..1], &["Microsoft.KeyVault/vaults/secrets/*"])).expect(201);
    assign(&path("a"), 2).refused(400, outside);
    assign(&cloud.root(), 2).expect(201);
}

#[test]
fn tn_01_management_groups_of_two_tenants_never_meet() {
    let cloud = Cloud::new();
    cloud.group("a", &cloud.root_name());
    cloud.call(&cloud.other_owner, Method::PUT, &path("a"), MG, Some(json!({}))).expect(200);
    cloud.call(&cloud.other_owner, Method::PUT, &path("theirs"), MG, Some(json!({}))).expect(200);
    cloud.get(&path("theirs"), MG).refused(404, "NotFound");
    cloud.put(&path("x"), MG, below("theirs")).refused(404, "NotFound");
    let foreign = path(&cloud.other_owner.tenant.to_string());
    cloud.get(&foreign, MG).refused(404, "NotFound");
    let placed = format!("{}/subscriptions/{}", path("a"), cloud.other_subscription);
    cloud.put(&placed, MG, json!({})).refused(404, "SubscriptionNotFound");
    let listed = cloud.get("/providers/Microsoft.Management/managementGroups", MG).expect(200);
    assert_eq!(listed.names().len(), 2);
    let own = cloud.person(cloud.tenant, &[("Reader", ScopeKey::Root)]);
    cloud.call(&own, Method::DELETE, &path("a"), MG, None).refused(403, "AuthorizationFailed");
}

#[test]
fn lists_show_what_the_caller_may_read() {
    let cloud = Cloud::new();
    cloud.group("a", &cloud.root_name());
    cloud.group("b", "a");
    cloud.place("b");
    let person = cloud.person(cloud.tenant, &[]);
    let list = "/providers/Microsoft.Management/managementGroups";
    let entities = "/providers/Microsoft.Management/getEntities";
    assert_eq!(cloud.by(&person, Method::GET, list, None).expect(200).names(), [""; 0]);
    assert_eq!(cloud.by(&person, Method::POST, entities, None).expect(200).names(), [""; 0]);
    cloud.grant(&person, "Management Group Reader", &path("b"));
    assert_eq!(cloud.by(&person, Method::GET, list, None).expect(200).names(), ["b"]);
    let found = cloud.by(&person, Method::POST, entities, None).expect(200).body;
    assert_eq!((&found["count"], &found["value"][0]["name"]), (&json!(1), &json!("b")));
    let properties = &found["value"][0]["properties"];
    assert_eq!((&properties["permissions"], &properties["inheritedPermissions"]), (&json!("view"), &json!("noaccess")));
    let all = cloud.get(&format!("{}/descendants", cloud.root_group()), MG).expect(200);
    assert_eq!(all.body["value"].as_array().unwrap().len(), 4);
    // A page is bounded, and its link leads on.
    let first = cloud.get(&format!("{}/descendants?$top=3", cloud.root_group()), MG).expect(200).body;
    let link = first["nextLink"].as_str().unwrap().strip_prefix("https://localhost:8443").unwrap();
    assert_eq!(cloud.get(link, "").expect(200).names().len(), 1);
}

#[test]
fn a_locked_subscription_stays_where_it_is() {
    let cloud = Cloud::new();
    cloud.group("a", &cloud.root_name());
    let lock = format!("{}/providers/Microsoft.Authorization/locks/keep", cloud.root());
    cloud.put(&lock, "2020-05-01", json!({"properties": {"level": "ReadOnly"}})).expect(201);
    let placed = format!("{}/subscriptions/{}", path("a"), cloud.subscription);
    cloud.put(&placed, MG, json!({})).refused(409, "ScopeLocked");
    cloud.delete(&lock, "2020-05-01").expect(200);
    cloud.put(&placed, MG, json!({})).expect(200);
    // A group itself has no locks.
    let at_group = format!("{}/providers/Microsoft.Authorization/locks/keep", path("a"));
    let refused = cloud.put(&at_group, "2020-05-01", json!({"properties": {"level": "ReadOnly"}}));
    assert_eq!(refused.status, 404, "{}", refused.body);
}
