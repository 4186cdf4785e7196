//! Custom role definitions.

use crate::cloud::{ARM, AUTHZ, Answer, Cloud, Person, VM};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const DEFINITIONS: &str = "/providers/Microsoft.Authorization/roleDefinitions";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

fn path(scope: &str, n: u128) -> String {
    format!("{scope}{DEFINITIONS}/{}", Uuid::from_u128(n))
}

/// A role of this name that grants `actions` at `scopes`.
fn role(name: &str, actions: &[&str], scopes: &[&str]) -> Value {
    json!({"properties": {
        "roleName": name,
        "type": "CustomRole",
        "description": "",
        "assignableScopes": scopes,
        "permissions": [{"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}],
    }})
}

fn assign(cloud: &Cloud, who: &Person, n: u128, scope: &str) -> Answer {
    let body = json!({"properties": {"roleDefinitionId": path("", n), "principalId": who.id.to_string()}});
    let name = Uuid::from_u128(n * 1_000 + scope.len() as u128);
    cloud.put(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), AUTHZ, body)
}

/// `path` as `who`.
fn send(cloud: &Cloud, who: &Person, method: Method, path: &str, body: Option<Value>) -> Answer {
    cloud.call(who, method, path, AUTHZ, body)
}

#[test]
fn a_role_is_made_changed_listed_and_deleted() {
    let cloud = Cloud::with_group();
    let (root, group) = (cloud.root(), cloud.at("g"));
    let made = cloud.put(&path(&group, 1), AUTHZ, role("Mine", &["*/read"], &[&group.to_lowercase()])).expect(201).body;
    assert_eq!(made["id"], path(&root, 1));
    assert_eq!(made["type"], "Microsoft.Authorization/roleDefinitions");
    let shown = &made["properties"];
    assert_eq!((&shown["type"], &shown["roleName"]), (&json!("CustomRole"), &json!("Mine")));
    assert_eq!(shown["assignableScopes"], json!([group]));
    assert_eq!((&shown["createdBy"], &shown["updatedBy"]), (&json!(cloud.owner.id.to_string()), &shown["createdBy"]));
    for scope in [&root, &group, ""] {
        assert_eq!(cloud.get(&path(scope, 1), AUTHZ).expect(200).body["properties"], *shown, "{scope}");
    }
    let listed = |scope: &str, filter: &str| {
        let answer = cloud.get(&format!("{scope}{DEFINITIONS}?$filter={}", filter.replace(' ', "%20")), AUTHZ);
        answer.expect(200).names().len()
    };
    assert_eq!(listed(&group, "roleName eq 'MINE'"), 1);
    assert_eq!(listed(&group, "type eq 'customrole'"), 1);
    assert_eq!((listed(&group, ""), listed(&group, "type eq 'BuiltInRole'")), (929, 928));
    assert_eq!(listed(&root, "type eq 'CustomRole'"), 0, "it cannot be assigned at the subscription");
    assert_eq!(listed(&root, "atScopeAndBelow() and type eq 'CustomRole'"), 1);
    assert_eq!(listed("", "atScopeAndBelow() and roleName eq 'mine'"), 1);
    assert_eq!(listed(&group, "roleName eq 'Mine' and type eq 'BuiltInRole'"), 0);
    let changed = role("Yours", &["*"], &[&root, &root.to_uppercase().replace("SUBSCRIPTIONS", "subscriptions")]);
    let changed = cloud.put(&path(&root, 1), AUTHZ, changed).expect(201).body;
    assert_eq!(changed["properties"]["assignableScopes"], json!([root]));
    assert_eq!((listed(&group, "roleName eq 'Yours'"), listed(&group, "roleName eq 'Mine'")), (1, 0));
    assert_eq!(cloud.delete(&path(&root, 1), AUTHZ).expect(200).body, changed);
    cloud.delete(&path(&root, 1), AUTHZ).expect(204);
    cloud.get(&path(&root, 1), AUTHZ).refused(404, "RoleDefinitionDoesNotExist");
}

#[test]
fn a_role_that_cannot_be_is_refused_with_the_reason() {
    let cloud = Cloud::with_group();
    let root = cloud.root();
    let put = |body: Value| cloud.put(&path(&root, 1), AUTHZ, body);
    let with = |name: &str, value: Value| {
        let mut body = role("r", &["*/read"], &[&root]);
        body["properties"][name] = value;
        put(body)
    };
    for scopes in [
        json!([]),
        Value::Null,
        json!(root),
        json!([1]),
        json!(["/"]),
        json!(["nothing"]),
        json!([format!("{root}/resourceGroups")]),
        json!(["/providers/Microsoft.Management/managementGroups/m/settings/default"]),
        json!(vec![root.clone(); 257]),
    ] {
        with("assignableScopes", scopes.clone()).refused(400, "InvalidRequestContent");
    }
    with("assignableScopes", json!([root, cloud.at("none")])).refused(404, "ResourceGroupNotFound");
    with("assignableScopes", json!([cloud.vm("none")])).refused(404, "ResourceNotFound");
    with("assignableScopes", json!(["/providers/Microsoft.Management/managementGroups/m"])).refused(404, "NotFound");
    for name in [json!(""), json!(" "), Value::Null, json!(1), json!("a\nb"), json!("x".repeat(513))] {
        with("roleName", name).refused(400, "InvalidRequestContent");
    }
    with("type", json!("BuiltInRole")).refused(400, "InvalidRequestContent");
    with("description", json!("x".repeat(2_049))).refused(400, "InvalidRequestContent");
    let large = json!([{"actions": vec![format!("a/{}", "x".repeat(500)); 200]}]);
    for permissions in [
        json!([]),
        Value::Null,
        json!([1]),
        json!([{"actions": "*"}]),
        json!([{"actions": [1]}]),
        json!(vec![json!({}); 33]),
        large,
    ] {
        with("permissions", permissions).refused(400, "InvalidRequestContent");
    }
    let limited = json!([{"actions": ["*"], "condition": "@Resource[x]"}]);
    with("permissions", limited).refused(400, "ConditionNotSupported");
    let unknown = with("permissions", json!([{"notActions": ["read"]}])).refused(400, "InvalidActionOrNotAction");
    assert_eq!(
        unknown.body["error"]["message"],
        "'read' does not match any of the actions supported by the providers."
    );
    with("permissions", json!([{"dataActions": ["a b/read"]}])).refused(400, "InvalidDataActionOrNotDataAction");
    put(json!([])).refused(400, "InvalidRequestContent");
    let named = format!("{root}{DEFINITIONS}/mine");
    cloud.put(&named, AUTHZ, role("r", &["*"], &[&root])).refused(400, "InvalidRoleDefinitionId");
    cloud.delete(&named, AUTHZ).refused(400, "InvalidRoleDefinitionId");
    let built_in = format!("{root}{DEFINITIONS}/{READER}");
    cloud.put(&built_in, AUTHZ, role("r", &["*"], &[&root])).refused(400, "RoleDefinitionUpdateNotPermitted");
    cloud.delete(&built_in, AUTHZ).refused(400, "RoleDefinitionUpdateNotPermitted");
    with("roleName", json!("owner")).refused(409, "RoleDefinitionWithSameNameExists");
    put(role("r", &["*/read"], &[&root])).expect(201);
    cloud.put(&path(&root, 2), AUTHZ, role("R", &["*"], &[&root])).refused(409, "RoleDefinitionWithSameNameExists");
    // With null for what is not there, with the words that a client read, and by any spelling of the type.
    let mut sent = cloud.get(&path(&root, 1), AUTHZ).body;
    sent["properties"]["type"] = json!("customrole");
    sent["properties"]["description"] = Value::Null;
    sent["properties"]["permissions"] = json!([{"actions": ["*/read"], "notActions": null, "condition": null}]);
    put(sent.clone()).expect(201);
    // Versions before 2018 have the properties at the top.
    cloud.put(&path(&root, 1), "2015-07-01", sent["properties"].clone()).expect(201);
}

#[test]
fn what_a_role_says_counts_at_once_also_for_a_token_that_was_issued_before() {
    let cloud = Cloud::with_group();
    let (root, group) = (cloud.root(), cloud.at("g"));
    let person = cloud.person(cloud.tenant, &[]);
    let token = format!("Bearer {}", cloud.token(&person));
    let send = |method: Method, path: &str, version: &str, body: Value| {
        let target = format!("{path}?api-version={version}");
        cloud.raw(method, &target, &[("authorization", &token)], body.to_string().as_bytes())
    };
    let read = || send(Method::GET, &group, ARM, Value::Null);
    let write = || send(Method::PUT, &cloud.vm("vm"), VM, json!({"location": "westus"}));
    let permissions = || {
        let path = format!("{group}/providers/Microsoft.Authorization/permissions");
        send(Method::GET, &path, AUTHZ, Value::Null).expect(200).body["value"][0]["actions"].clone()
    };
    read().refused(403, "AuthorizationFailed");
    cloud.put(&path(&root, 1), AUTHZ, role("r", &["*/read"], &[&root])).expect(201);
    assign(&cloud, &person, 1, &group).expect(201);
    read().expect(200);
    write().refused(403, "AuthorizationFailed");
    assert_eq!(permissions(), json!(["*/read"]));
    cloud.put(&path(&root, 1), AUTHZ, role("r", &["*"], &[&root])).expect(201);
    write().expect(201);
    assert_eq!(permissions(), json!(["*"]));
    cloud.put(&path(&root, 1), AUTHZ, role("r", &["Microsoft.Compute/virtualMachines/write"], &[&root])).expect(201);
    read().refused(403, "AuthorizationFailed");
    write().expect(200);
    // Outside of its assignable scopes a role grants nothing, wherever it is held.
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    cloud.put(&path(&root, 1), AUTHZ, role("r", &["*"], &[&cloud.at("h")])).expect(201);
    write().refused(403, "AuthorizationFailed");
    assert_eq!(permissions(), Value::Null);
}

#[test]
fn a_role_is_assigned_inside_its_assignable_scopes_and_deleted_once_nobody_holds_it() {
    let cloud = Cloud::with_group();
    let (root, group) = (cloud.root(), cloud.at("g"));
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    assign(&cloud, &person, 1, &group).refused(400, "RoleDefinitionDoesNotExist");
    cloud.put(&path(&group, 1), AUTHZ, role("r", &["*/read"], &[&group])).expect(201);
    for outside in [root.as_str(), &cloud.at("h"), ""] {
        assign(&cloud, &person, 1, outside).refused(400, "RoleAssignmentScopeNotAssignableToRoleDefinition");
    }
    let made = assign(&cloud, &person, 1, &group).expect(201).body;
    assert_eq!(made["properties"]["roleDefinitionId"], path(&root, 1));
    cloud.delete(&path(&group, 1), AUTHZ).refused(400, "RoleDefinitionHasAssignments");
    // At a scope that it does not reach it is not there.
    cloud.delete(&path(&cloud.at("h"), 1), AUTHZ).expect(204);
    cloud.get(&path(&cloud.at("h"), 1), AUTHZ).refused(404, "RoleDefinitionDoesNotExist");
    cloud.delete(made["id"].as_str().unwrap(), AUTHZ).expect(200);
    cloud.delete(&path(&group, 1), AUTHZ).expect(200);
    assign(&cloud, &person, 1, &group).refused(400, "RoleDefinitionDoesNotExist");
}

#[test]
fn a_group_takes_its_assignments_along_and_one_of_the_same_name_is_another_scope() {
    let cloud = Cloud::with_group();
    let (root, group) = (cloud.root(), cloud.at("g"));
    let person = cloud.person(cloud.tenant, &[]);
    cloud.put(&path(&group, 1), AUTHZ, role("r", &["*"], &[&group])).expect(201);
    assign(&cloud, &person, 1, &group).expect(201);
    cloud.delete(&group, ARM).expect(200);
    let cloud = cloud.and_group();
    send(&cloud, &person, Method::GET, &path(&group, 1), None).refused(403, "AuthorizationFailed");
    assign(&cloud, &person, 1, &group).refused(400, "RoleAssignmentScopeNotAssignableToRoleDefinition");
    let shown = cloud.get(&path("", 1), AUTHZ).expect(200).body;
    assert_eq!(shown["properties"]["assignableScopes"], json!([group]));
    cloud.put(&path(&root, 1), AUTHZ, role("r", &["*"], &[&root])).expect(201);
    cloud.delete(&path(&root, 1), AUTHZ).expect(200);
}

#[test]
fn tn_06_nobody_gains_by_a_role_what_it_may_not_hand_out() {
    let cloud = Cloud::with_group();
    let (root, group, beside) = (cloud.root(), cloud.at("g"), cloud.at("h"));
    cloud.put(&beside, ARM, json!({"location": "westus"})).expect(201);
    // Contributors may do everything but this.
    let contributor = cloud.in_subscription("Contributor");
    let put = |who: &Person, at: &str, n: u128, body: Value| send(&cloud, who, Method::PUT, &path(at, n), Some(body));
    put(&contributor, &root, 1, role("r", &["*"], &[&root])).refused(403, "AuthorizationFailed");
    // The owner of one group makes roles for it, and for nothing beside or above it.
    let owner = cloud.person(cloud.tenant, &[]);
    cloud.grant(&owner, "Owner", &group);
    put(&owner, &group, 1, role("r", &["*"], &[&group])).expect(201);
    for scope in
        [root.clone(), beside.clone(), cloud.at("none"), "/subscriptions/".to_owned() + &Uuid::nil().to_string()]
    {
        let refused = put(&owner, &group, 2, role("s", &["*"], &[&group, &scope]));
        let refused = refused.refused(403, "LinkedAuthorizationFailed");
        let message = refused.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("on the linked scope(s) '{scope}'")), "{message}");
        put(&owner, &group, 1, role("r", &["*"], &[&group, &scope])).refused(403, "LinkedAuthorizationFailed");
    }
    put(&owner, &root, 2, role("s", &["*"], &[&group])).refused(403, "AuthorizationFailed");
    // Nor does it change a role that reaches further, or take it away; it is not told how far.
    cloud.put(&path(&root, 3), AUTHZ, role("wide", &["*/read"], &[&beside, &group])).expect(201);
    assign(&cloud, &owner, 3, &beside).expect(201);
    for refused in [
        put(&owner, &group, 3, role("wide", &["*"], &[&group])),
        put(&owner, &group, 3, role("wide", &["*"], &[&group, &group])),
        send(&cloud, &owner, Method::DELETE, &path(&group, 3), None),
    ] {
        let refused = refused.refused(403, "AuthorizationFailed");
        assert!(!refused.body.to_string().contains(&beside), "{}", refused.body);
    }
    let granted = cloud.get(&path(&group, 3), AUTHZ).expect(200).body;
    assert_eq!(granted["properties"]["permissions"][0]["actions"], json!(["*/read"]));
    // A right by a custom role holds only where that role is valid.
    let keeper = cloud.person(cloud.tenant, &[]);
    let keys = ["Microsoft.Authorization/roleDefinitions/*"];
    cloud.put(&path(&group, 4), AUTHZ, role("keeper", &keys, &[&group])).expect(201);
    assign(&cloud, &keeper, 4, &group).expect(201);
    put(&keeper, &group, 5, role("t", &["*"], &[&group])).expect(201);
    put(&keeper, &group, 5, role("t", &["*"], &[&root])).refused(403, "LinkedAuthorizationFailed");
    send(&cloud, &keeper, Method::DELETE, &path(&group, 5), None).expect(200);
    put(&keeper, &beside, 6, role("u", &["*"], &[&beside])).refused(403, "AuthorizationFailed");
}

#[test]
fn tn_01_a_role_of_another_tenant_is_none() {
    let cloud = Cloud::with_group();
    let elsewhere = format!("/subscriptions/{}", cloud.other_subscription);
    let root = cloud.root();
    let other = cloud.other_owner.clone();
    let as_other = |method: Method, path: &str, body: Option<Value>| send(&cloud, &other, method, path, body);
    as_other(Method::PUT, &path(&elsewhere, 1), Some(role("r", &["*"], &[&elsewhere]))).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    assign(&cloud, &person, 1, &root).refused(400, "RoleDefinitionDoesNotExist");
    for at in [root.as_str(), ""] {
        cloud.get(&path(at, 1), AUTHZ).refused(404, "RoleDefinitionDoesNotExist");
        cloud.delete(&path(at, 1), AUTHZ).expect(204);
    }
    let reaching = role("s", &["*"], &[&root, &elsewhere]);
    cloud.put(&path(&root, 2), AUTHZ, reaching).refused(403, "LinkedAuthorizationFailed");
    // The same id and name are another role here.
    cloud.put(&path(&root, 1), AUTHZ, role("r", &["*/read"], &[&root])).expect(201);
    assign(&cloud, &person, 1, &root).expect(201);
    send(&cloud, &person, Method::DELETE, &path(&root, 1), None).refused(403, "AuthorizationFailed");
    let theirs = as_other(Method::GET, &path(&elsewhere, 1), None).expect(200).body;
    assert_eq!(theirs["properties"]["permissions"][0]["actions"], json!(["*"]));
    as_other(Method::DELETE, &path(&elsewhere, 1), None).expect(200);
    cloud.get(&path(&root, 1), AUTHZ).expect(200);
}

#[test]
fn au_01_a_write_of_a_role_depends_on_the_etag_that_is_named_and_is_recorded() {
    let cloud = Cloud::with_group();
    let root = cloud.root();
    let put = |name: &str, headers: &[(&str, &str)]| {
        let body = role(name, &["*"], &[&root]).to_string();
        cloud.raw_as(&cloud.owner, Method::PUT, &path(&root, 1), AUTHZ, headers, body.as_bytes())
    };
    let records = || cloud.store.audit(0, 1_000).unwrap().len();
    let before = records();
    let made = put("a", &[("if-none-match", "*")]).expect(201);
    assert_eq!(records(), before + 1);
    put("b", &[("if-none-match", "*")]).refused(412, "PreconditionFailed");
    put("b", &[("if-match", "\"1\"")]).refused(412, "PreconditionFailed");
    assert_eq!(records(), before + 1);
    put("b", &[("if-match", made.header("etag"))]).expect(201);
    cloud.delete(&path(&root, 1), AUTHZ).expect(200);
    assert_eq!(records(), before + 3);
    let last = cloud.store.audit(0, 1_000).unwrap().pop().unwrap();
    let text = String::from_utf8_lossy(&last.record).into_owned();
    assert!(
        text.contains("Microsoft.Authorization/roleDefinitions/delete") && text.contains(&path(&root, 1)),
        "{text}"
    );
}
