//! Role assignments and definitions.

use crate::cloud::{AUTHZ, Answer, Cloud, Person, VM};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

fn path(scope: &str, n: u128) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::from_u128(n))
}

fn body(who: &Person, role: &str) -> Value {
    let role = format!("/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{role}", Uuid::nil());
    json!({"properties": {"roleDefinitionId": role, "principalId": who.id.to_string()}})
}

#[test]
fn an_assignment_is_made_read_and_deleted_at_every_scope() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    for (n, scope) in [String::new(), cloud.root(), cloud.at("g"), cloud.vm("vm1")].into_iter().enumerate() {
        let path = path(&scope, n as u128);
        cloud.get(&path, AUTHZ).refused(404, "RoleAssignmentNotFound");
        let made = cloud.put(&path, AUTHZ, body(&person, READER)).expect(201).body;
        assert_eq!(made["id"], path);
        let shown = &made["properties"];
        assert_eq!(shown["scope"], if scope.is_empty() { "/" } else { &scope });
        assert_eq!(
            (&shown["principalType"], &shown["createdBy"]),
            (&json!("ServicePrincipal"), &json!(cloud.owner.id.to_string()))
        );
        assert!(shown["roleDefinitionId"].as_str().unwrap().ends_with(READER));
        assert_eq!(cloud.get(&path, AUTHZ).expect(200).body, made);
        // Again is not an error, under the same name.
        cloud.put(&path, AUTHZ, body(&person, READER)).expect(201);
        assert_eq!(cloud.delete(&path, AUTHZ).expect(200).body["name"], made["name"]);
        cloud.delete(&path, AUTHZ).expect(204);
    }
}

#[test]
fn what_cannot_be_assigned_is_refused() {
    let cloud = Cloud::with_group();
    let person = cloud.person(cloud.tenant, &[]);
    let put = |n: u128, body: Value| cloud.put(&path(&cloud.at("g"), n), AUTHZ, body);
    put(1, body(&person, READER)).expect(201);
    put(2, body(&person, READER)).refused(409, "RoleAssignmentExists");
    put(1, body(&person, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635")).refused(400, "RoleAssignmentUpdateNotPermitted");
    put(1, body(&cloud.owner, READER)).refused(400, "RoleAssignmentUpdateNotPermitted");
    cloud.put(&path(&cloud.root(), 1), AUTHZ, body(&person, READER)).refused(400, "RoleAssignmentUpdateNotPermitted");
    put(3, body(&person, &Uuid::nil().to_string())).refused(400, "RoleDefinitionDoesNotExist");
    let nobody = Person { tenant: cloud.tenant, id: bonafide_types::ObjectId::new(Uuid::nil()) };
    put(3, body(&nobody, READER)).refused(400, "PrincipalNotFound");
    let with = |name: &str, value: Value| {
        let mut body = body(&cloud.owner, READER);
        body["properties"][name] = value;
        body
    };
    put(3, with("principalType", json!("User"))).refused(400, "UnmatchedPrincipalType");
    put(3, with("condition", json!("@Resource[x]"))).refused(400, "ConditionNotSupported");
    let said = |answer: Answer, code: &str| answer.refused(400, code).body["error"]["message"].clone();
    assert_eq!(
        said(put(3, with("principalId", json!("User"))), "InvalidPrincipalId"),
        "The Principal ID 'User' is not valid. Principal ID must be a GUID."
    );
    for missing in [json!(""), Value::Null, json!(1)] {
        assert_eq!(
            said(put(3, with("principalId", missing)), "InvalidPrincipalId"),
            "A valid principal ID must be provided for role assignment."
        );
    }
    put(3, json!({})).refused(400, "InvalidPrincipalId");
    let definitions = "/providers/Microsoft.Authorization/roleDefinitions";
    for role in [
        json!(READER),
        json!("Reader"),
        json!(""),
        json!("/"),
        Value::Null,
        json!(1),
        json!(format!("/x{definitions}/{READER}")),
    ] {
        let answer = put(3, with("roleDefinitionId", role.clone())).refused(400, "BadRequestFormat");
        assert_eq!(answer.body["error"]["message"], "The request was incorrectly formatted.", "{role}");
    }
    put(3, with("roleDefinitionId", json!(format!("{}/x/{READER}", cloud.root())))).refused(400, "BadRequestFormat");
    for name in ["Reader", "072dd7ad-7dc5-fe96-411f-a4a223b5d3cf|", ""] {
        assert_eq!(
            said(put(3, with("roleDefinitionId", json!(format!("{definitions}/{name}")))), "InvalidRoleDefinitionId"),
            format!("The role definition ID '{name}' is not valid.")
        );
    }
    put(3, with("description", json!(1))).refused(400, "InvalidRequestContent");
    put(3, with("condition", Value::Null)).expect(201);
    cloud.put(&path(&cloud.vm("none"), 4), AUTHZ, body(&person, READER)).refused(404, "ResourceNotFound");
    cloud.put(&path(&cloud.at("none"), 4), AUTHZ, body(&person, READER)).refused(404, "ResourceGroupNotFound");
    let named = format!("{}/providers/Microsoft.Authorization/roleAssignments/my-role", cloud.root());
    for method in [Method::PUT, Method::GET, Method::DELETE] {
        let answer = cloud.call(&cloud.owner, method, &named, AUTHZ, Some(body(&person, READER)));
        assert_eq!(
            said(answer, "InvalidRoleAssignmentId"),
            "The role assignment ID 'my-role' is not valid. The role assignment ID must be a GUID."
        );
    }
}

#[test]
fn a_role_may_be_named_by_the_path_of_any_scope() {
    let cloud = Cloud::with_group();
    let person = cloud.person(cloud.tenant, &[]);
    for (n, above) in [String::new(), cloud.root(), cloud.at("g"), cloud.at("g").to_lowercase()].iter().enumerate() {
        let role = format!("{above}/providers/microsoft.authorization/roledefinitions/{READER}");
        let sent = json!({"properties": {"roleDefinitionId": role, "principalId": person.id.to_string()}});
        let path = path(&cloud.at("g"), n as u128);
        let made = cloud.put(&path, AUTHZ, sent).expect(201).body;
        assert_eq!(
            made["properties"]["roleDefinitionId"],
            format!("{}/providers/Microsoft.Authorization/roleDefinitions/{READER}", cloud.root())
        );
        cloud.delete(&path, AUTHZ).expect(200);
    }
}

#[test]
fn of_two_faults_in_a_role_assignment_the_same_one_is_told_as_for_every_type() {
    let cloud = Cloud::with_group();
    let person = cloud.person(cloud.tenant, &[]);
    let at = |n: u128| path(&cloud.at("g"), n);
    let made = cloud.put(&at(1), AUTHZ, body(&person, READER)).expect(201);
    let good = body(&person, READER).to_string();
    let call = |who: &Person, method: Method, path: &str, headers: &[(&str, &str)], body: &str| {
        cloud.raw_as(who, method, path, AUTHZ, headers, body.as_bytes())
    };
    let put = |path: &str, headers: &[(&str, &str)], body: &str| call(&cloud.owner, Method::PUT, path, headers, body);
    let (stale, none) = ([("if-match", "\"0\"")], [("if-none-match", "*")]);
    call(&person, Method::PUT, &at(1), &stale, "{").refused(403, "AuthorizationFailed");
    put(&path(&cloud.at("none"), 1), &stale, "{").refused(404, "ResourceGroupNotFound");
    put(&path(&cloud.vm("none"), 1), &stale, "{").refused(404, "ResourceNotFound");
    for condition in [&stale, &none] {
        put(&at(1), condition, "{").refused(400, "InvalidRequestContent");
        put(&at(1), condition, "{}").refused(412, "PreconditionFailed");
        put(&at(1), condition, &good).refused(412, "PreconditionFailed");
    }
    put(&at(2), &stale, "{}").refused(412, "PreconditionFailed");
    call(&cloud.owner, Method::DELETE, &at(1), &stale, "").refused(412, "PreconditionFailed");
    call(&cloud.owner, Method::DELETE, &at(2), &stale, "").refused(412, "PreconditionFailed");
    let etag = made.header("etag");
    assert_eq!(cloud.get(&at(1), AUTHZ).header("etag"), etag);
    put(&at(1), &[("if-match", etag)], &good).expect(201);
    call(&cloud.owner, Method::DELETE, &at(1), &[("if-match", "*")], "").expect(200);
    put(&at(1), &none, &good).expect(201);
}

#[test]
fn roles_are_named_in_the_form_of_the_scope_that_is_asked() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    let scopes = [String::new(), cloud.root(), cloud.at("g"), cloud.vm("vm1")];
    for (n, scope) in scopes.iter().enumerate() {
        cloud.put(&path(scope, n as u128), AUTHZ, body(&person, READER)).expect(201);
    }
    for scope in &scopes {
        let at =
            |what: &str| cloud.get(&format!("{scope}/providers/Microsoft.Authorization/{what}"), AUTHZ).expect(200);
        let names: Vec<Value> =
            at("roleDefinitions").body["value"].as_array().unwrap().iter().map(|role| role["id"].clone()).collect();
        let list = at("roleAssignments").body;
        assert_eq!(list["value"].as_array().unwrap().len(), 5, "{scope}");
        for item in list["value"].as_array().unwrap() {
            assert!(names.contains(&item["properties"]["roleDefinitionId"]), "{scope}: {item:#}");
        }
    }
    let inherited = cloud.get(&path("", 0), AUTHZ).expect(200).body;
    assert_eq!(
        inherited["properties"]["roleDefinitionId"],
        format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}")
    );
}

#[test]
fn everybody_may_ask_what_it_may_do() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    let ask = |who: &Person, scope: &str| {
        let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
        cloud.call(who, Method::GET, &path, AUTHZ, None)
    };
    let list = |who: &Person, scope: &str| ask(who, scope).expect(200).body["value"].clone();
    for scope in [cloud.root(), cloud.at("g"), cloud.vm("vm1"), cloud.at("none"), cloud.vm("none")] {
        ask(&person, &scope).refused(403, "AuthorizationFailed");
    }
    assert_eq!(list(&person, ""), json!([]));
    ask(&cloud.other_owner, &cloud.root()).refused(401, "InvalidAuthenticationTokenTenant");
    let all = json!([{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}]);
    for scope in [String::new(), cloud.root(), cloud.at("g"), cloud.vm("vm1")] {
        assert_eq!(list(&cloud.owner, &scope), all);
    }
    ask(&cloud.owner, &cloud.at("none")).refused(404, "ResourceGroupNotFound");
    ask(&cloud.owner, &cloud.vm("none")).refused(404, "ResourceNotFound");
    // A role that cannot read permissions, and one held inside the scope only.
    cloud.grant(&person, "Storage Blob Data Reader", &cloud.at("g"));
    cloud.grant(&person, "Reader", &cloud.vm("vm1"));
    cloud.grant(&person, "Storage Blob Data Reader", &cloud.vm("vm1"));
    let blobs = json!({
        "actions": [
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        "notActions": [],
        "dataActions": ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
        "notDataActions": [],
    });
    let reader = json!({"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []});
    assert_eq!(list(&person, &cloud.root()), json!([]));
    assert_eq!(list(&person, &cloud.at("g")), json!([blobs]));
    let both = list(&person, &cloud.vm("vm1"));
    assert_eq!(both.as_array().unwrap().len(), 2);
    assert!(both.as_array().unwrap().contains(&blobs) && both.as_array().unwrap().contains(&reader));
}

#[test]
fn an_assignment_is_touched_only_at_its_own_scope() {
    let cloud = Cloud::with_group();
    let person = cloud.person(cloud.tenant, &[]);
    cloud.put(&path(&cloud.root(), 1), AUTHZ, body(&person, READER)).expect(201);
    // A caller that decides about access in one group cannot reach an assignment above it by its name.
    let admin = cloud.person(cloud.tenant, &[]);
    cloud.grant(&admin, "User Access Administrator", &cloud.at("g"));
    let call = |method: Method, scope: &str| cloud.call(&admin, method, &path(scope, 1), AUTHZ, None);
    call(Method::DELETE, &cloud.at("g")).expect(204);
    call(Method::GET, &cloud.at("g")).refused(404, "RoleAssignmentNotFound");
    call(Method::DELETE, &cloud.root()).refused(403, "AuthorizationFailed");
    cloud.get(&path(&cloud.root(), 1), AUTHZ).expect(200);
}

#[test]
fn a_scope_that_is_not_served_does_not_pass_for_the_root() {
    let cloud = Cloud::with_group();
    let scope = "/providers/Microsoft.Management/managementGroups/m";
    cloud.put(&path(scope, 1), AUTHZ, body(&cloud.owner, READER)).refused(404, "NotFound");
    for what in ["roleAssignments", "roleDefinitions", "permissions"] {
        let list = format!("{scope}/providers/Microsoft.Authorization/{what}");
        cloud.get(&list, AUTHZ).refused(404, "NotFound");
        let list = format!("/providers/Microsoft.Compute/virtualMachines/v/providers/Microsoft.Authorization/{what}");
        cloud.get(&list, AUTHZ).refused(404, "MissingSubscription");
    }
}

#[test]
fn who_may_assign_roles() {
    for (role, status) in [
        ("Owner", 201),
        ("User Access Administrator", 201),
        ("Role Based Access Control Administrator", 201),
        ("Contributor", 403),
        ("Reader", 403),
        ("Managed Identity Operator", 403),
        // It may assign some roles under a condition, which is not evaluated here: nothing is granted.
        ("Key Vault Data Access Administrator", 403),
    ] {
        let cloud = Cloud::with_group();
        let person = cloud.in_subscription(role);
        let answer =
            cloud.call(&person, Method::PUT, &path(&cloud.at("g"), 1), AUTHZ, Some(body(&cloud.owner, READER)));
        assert_eq!(answer.status, status, "{role}");
    }
}

#[test]
fn assignments_are_listed_with_the_filters_that_clients_send() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    let scopes = [cloud.root(), cloud.at("g"), cloud.vm("vm1")];
    for (n, scope) in scopes.iter().enumerate() {
        cloud.put(&path(scope, n as u128), AUTHZ, body(&person, READER)).expect(201);
    }
    let count = |answer: Answer| answer.expect(200).body["value"].as_array().unwrap().len();
    let list = |scope: &str, filter: &str| {
        let filter = filter.replace(' ', "%20").replace('\'', "%27");
        cloud.get(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments?$filter={filter}"), AUTHZ)
    };
    let mine = format!("principalId eq '{}'", person.id);
    // The owner's own, at the root, is above all of them.
    assert_eq!(scopes.each_ref().map(|scope| count(list(scope, ""))), [4, 4, 4]);
    assert_eq!(scopes.each_ref().map(|scope| count(list(scope, "atScope()"))), [2, 3, 4]);
    assert_eq!(scopes.each_ref().map(|scope| count(list(scope, &mine))), [3, 3, 3]);
    assert_eq!(count(list(&cloud.root(), &format!("atScope() and assignedTo('{}')", person.id))), 1);
    assert_eq!(count(list("", "")), 4);
    cloud.put(&cloud.at("h"), "2021-04-01", json!({"location": "westus"})).expect(201);
    assert_eq!(count(list(&cloud.at("h"), "")), 2);
    list(&cloud.root(), "principalId eq 'x'").refused(400, "InvalidFilterInQueryString");
    list(&cloud.root(), "roleName eq 'x'").refused(400, "InvalidFilterInQueryString");
    list(&cloud.at("none"), "").refused(404, "ResourceGroupNotFound");
}

#[test]
fn role_definitions_are_found_by_name_and_id() {
    let cloud = Cloud::with_group();
    let at = |scope: &str, rest: &str| {
        cloud.get(&format!("{scope}/providers/Microsoft.Authorization/roleDefinitions{rest}"), AUTHZ)
    };
    for scope in [cloud.root(), cloud.at("g"), cloud.vm("none")] {
        let found = at(&scope, "?$filter=roleName%20eq%20%27reader%27").expect(200).body["value"].clone();
        assert_eq!(found[0]["properties"]["roleName"], "Reader");
        assert_eq!(
            found[0]["id"],
            format!("{}/providers/Microsoft.Authorization/roleDefinitions/{READER}", cloud.root())
        );
        assert_eq!(found.as_array().unwrap().len(), 1);
    }
    assert_eq!(at("", "").expect(200).body["value"].as_array().unwrap().len(), 928);
    assert_eq!(at(&cloud.root(), "?$filter=type%20eq%20%27CustomRole%27").expect(200).body["value"], json!([]));
    let one = at(&cloud.root(), &format!("/{READER}")).expect(200).body;
    assert_eq!(
        one["properties"]["permissions"][0],
        json!({"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []})
    );
    at(&cloud.root(), &format!("/{}", Uuid::nil())).refused(404, "RoleDefinitionDoesNotExist");
    at(&cloud.root(), "/x").refused(404, "RoleDefinitionDoesNotExist");
}
