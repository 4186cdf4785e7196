//! Rights and refusals, by role.

use crate::cloud::{ARM, AUTHZ, Cloud, MSI, Person, VM};
use bonafide_core::access::{ScopeKey, assignments};
use bonafide_store::StoreError;
use bonafide_types::base64url;
use http::Method;
use serde_json::{Value, json};

fn machine() -> Value {
    json!({"location": "westus", "properties": {}})
}

fn with_identity(id: &str) -> Value {
    json!({"location": "westus", "properties": {}, "identity": {"type": "UserAssigned", "userAssignedIdentities": {id: {}}}})
}

/// The code of the answer to assigning `id` to a machine, or `""`.
fn assign(cloud: &Cloud, who: &Person, id: &str) -> String {
    let answer = cloud.call(who, Method::PUT, &cloud.vm("vm1"), VM, Some(with_identity(id)));
    answer.code().to_owned()
}

#[test]
fn tn_03_assigning_an_identity_needs_write_on_the_resource_and_assign_on_the_identity() {
    // Role on the group of the machine, role on the identity, what an assignment answers.
    for (resource, identity, expected) in [
        ("Owner", None, ""),
        ("Contributor", None, ""),
        ("Virtual Machine Contributor", None, "LinkedAuthorizationFailed"),
        ("Virtual Machine Contributor", Some("Reader"), "LinkedAuthorizationFailed"),
        ("Virtual Machine Contributor", Some("Managed Identity Contributor"), "LinkedAuthorizationFailed"),
        ("Virtual Machine Contributor", Some("User Access Administrator"), "LinkedAuthorizationFailed"),
        ("Virtual Machine Contributor", Some("Managed Identity Operator"), ""),
        ("Virtual Machine Contributor", Some("Contributor"), ""),
        ("Virtual Machine Contributor", Some("Owner"), ""),
        ("Reader", Some("Managed Identity Operator"), "AuthorizationFailed"),
        ("Managed Identity Operator", Some("Managed Identity Operator"), "AuthorizationFailed"),
        ("User Access Administrator", Some("Managed Identity Operator"), "AuthorizationFailed"),
        ("Virtual Machine Administrator Login", Some("Managed Identity Operator"), "AuthorizationFailed"),
    ] {
        let cloud = Cloud::with_group();
        let id = cloud.make_identity("id1");
        let person = cloud.person(cloud.tenant, &[]);
        cloud.grant(&person, resource, &cloud.at("g"));
        if let Some(identity) = identity {
            cloud.grant(&person, identity, &id);
        }
        assert_eq!(assign(&cloud, &person, &id), expected, "{resource} {identity:?}");
    }
}

#[test]
fn tn_03_only_identities_being_added_need_the_right_to_assign() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    cloud.put(&cloud.vm("vm1"), VM, with_identity(&id)).expect(201);
    let operator = cloud.person(cloud.tenant, &[]);
    cloud.grant(&operator, "Virtual Machine Contributor", &cloud.at("g"));
    // An attached identity may be sent back, and may be taken away.
    assert_eq!(assign(&cloud, &operator, &id), "");
    let remove = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&id: null}}});
    cloud.call(&operator, Method::PATCH, &cloud.vm("vm1"), VM, Some(remove)).expect(200);
    assert_eq!(assign(&cloud, &operator, &id), "LinkedAuthorizationFailed");
    // A name that was given to another identity meanwhile is an identity being added.
    cloud.put(&cloud.vm("vm1"), VM, with_identity(&id)).expect(200);
    cloud.delete(&id, MSI).expect(200);
    assert_eq!(assign(&cloud, &operator, &id), "");
    cloud.make_identity("id1");
    assert_eq!(assign(&cloud, &operator, &id), "LinkedAuthorizationFailed");
}

#[test]
fn tn_03_an_identity_that_is_missing_or_foreign_tells_a_stranger_nothing() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let other = format!(
        "/subscriptions/{}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1",
        cloud.other_subscription
    );
    let foreign_group = format!("/subscriptions/{}/resourceGroups/g", cloud.other_subscription);
    cloud.call(&cloud.other_owner, Method::PUT, &foreign_group, ARM, Some(json!({"location": "westus"}))).expect(201);
    cloud.call(&cloud.other_owner, Method::PUT, &other, MSI, Some(json!({"location": "westus"}))).expect(201);
    let operator = cloud.person(cloud.tenant, &[]);
    cloud.grant(&operator, "Virtual Machine Contributor", &cloud.at("g"));
    let unknown = format!("/subscriptions/{}{}", uuid::Uuid::nil(), &id[cloud.root().len()..]);
    for hidden in [&id, &cloud.identity("none"), &other, &unknown] {
        assert_eq!(assign(&cloud, &operator, hidden), "LinkedAuthorizationFailed", "{hidden}");
    }
    // Nor does an identity cross tenants for those who own everything in one of them.
    assert_eq!(assign(&cloud, &cloud.owner, &other), "LinkedAuthorizationFailed");
}

#[test]
fn a_stranger_learns_nothing_about_what_exists() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    let stranger = cloud.person(cloud.tenant, &[]);
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD] {
        for path in [
            cloud.vm("vm1"),
            cloud.vm("none"),
            cloud.vm("vm1").replace("/g/", "/none/"),
            cloud.at("g"),
            cloud.at("none"),
        ] {
            let answer = cloud.call(&stranger, method.clone(), &path, VM, Some(json!({"x": 1})));
            assert_eq!((answer.status, answer.code()), (403, "AuthorizationFailed"), "{method} {path}");
        }
    }
    // A body that cannot be read is nobody's business either.
    let token = format!("Bearer {}", cloud.token(&stranger));
    let target = format!("{}?api-version={VM}", cloud.vm("vm1"));
    cloud.raw(Method::PUT, &target, &[("authorization", &token)], b"{").refused(403, "AuthorizationFailed");
}

#[test]
fn roles_count_from_the_next_request_on_and_no_longer() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    let read = || cloud.call(&person, Method::GET, &cloud.vm("vm1"), VM, None).status;
    assert_eq!(read(), 403);
    cloud.grant(&person, "Reader", &cloud.vm("vm1"));
    assert_eq!(read(), 200);
    let rows = cloud.store.read(|tx| assignments::of_principal(tx, cloud.tenant, person.id)).unwrap();
    let path = format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", cloud.vm("vm1"), rows[0].0.2);
    cloud.delete(&path, AUTHZ).expect(200);
    assert_eq!(read(), 403);
}

#[test]
fn a_list_shows_what_the_caller_may_read() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    for name in ["vm1", "vm2"] {
        cloud.put(&cloud.vm(name), VM, machine()).expect(201);
    }
    let machines = |who: &Person, above: &str| {
        cloud.call(who, Method::GET, &format!("{above}/providers/Microsoft.Compute/virtualMachines"), VM, None)
    };
    let person = cloud.person(cloud.tenant, &[]);
    machines(&person, &cloud.root()).refused(403, "AuthorizationFailed");
    cloud.grant(&person, "Reader", &cloud.vm("vm1"));
    assert_eq!(machines(&person, &cloud.root()).expect(200).names(), ["vm1"]);
    assert_eq!(machines(&person, &cloud.at("g")).expect(200).names(), ["vm1"]);
    let resources =
        |above: &str| cloud.call(&person, Method::GET, &format!("{above}/resources"), ARM, None).expect(200);
    assert_eq!(resources(&cloud.root()).names(), ["vm1"]);
    assert_eq!(resources(&cloud.at("g")).names(), ["vm1"]);
    let groups =
        || cloud.call(&person, Method::GET, &format!("{}/resourcegroups", cloud.root()), ARM, None).expect(200);
    assert_eq!(groups().names(), [""; 0]);
    cloud.grant(&person, "Reader", &cloud.at("h"));
    assert_eq!(groups().names(), ["h"]);
}

#[test]
fn a_list_does_not_tell_whether_a_scope_without_a_role_of_the_caller_exists() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let elsewhere = cloud.vm("vm2").replace("/g/", "/h/");
    for path in [cloud.vm("vm1"), cloud.vm("vm2"), elsewhere.clone()] {
        cloud.put(&path, VM, machine()).expect(201);
    }
    let child = format!("{}/extensions/e1", cloud.vm("vm2"));
    cloud.put(&child, VM, json!({"location": "westus"})).expect(201);
    let person = cloud.person(cloud.tenant, &[]);
    cloud.grant(&person, "Reader", &cloud.vm("vm1"));
    let list = |path: &str| cloud.call(&person, Method::GET, path, VM, None);
    for scope in [cloud.at("h"), cloud.at("none")] {
        list(&format!("{scope}/resources")).refused(403, "AuthorizationFailed");
        list(&format!("{scope}/providers/Microsoft.Compute/virtualMachines")).refused(403, "AuthorizationFailed");
    }
    for machine in [cloud.vm("vm2"), cloud.vm("none"), elsewhere] {
        list(&format!("{machine}/extensions")).refused(403, "AuthorizationFailed");
    }
    // A role at the scope, above it or inside it is enough to ask.
    assert_eq!(list(&format!("{}/extensions", cloud.vm("vm1"))).expect(200).names(), [""; 0]);
    assert_eq!(list(&format!("{}/resources", cloud.at("g"))).expect(200).names(), ["vm1"]);
    cloud.grant(&person, "Reader", &child);
    assert_eq!(list(&format!("{}/extensions", cloud.vm("vm2"))).expect(200).names(), ["e1"]);
}

#[test]
fn a_role_disappears_with_its_scope() {
    let cloud = Cloud::with_group();
    let person = cloud.person(cloud.tenant, &[]);
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    cloud.grant(&person, "Owner", &cloud.vm("vm1"));
    cloud.delete(&cloud.vm("vm1"), VM).expect(200);
    // The name is free again; the role was about the machine, not about its name.
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    cloud.call(&person, Method::GET, &cloud.vm("vm1"), VM, None).refused(403, "AuthorizationFailed");
    let held = cloud.store.read(|tx| assignments::of_principal(tx, cloud.tenant, person.id)).unwrap();
    assert_eq!(held, []);
}

#[test]
fn tn_01_rows_of_two_tenants_never_mix() {
    let cloud = Cloud::with_group();
    let (ours, theirs) = (&cloud.owner, &cloud.other_owner);
    let foreign = format!("/subscriptions/{}", cloud.other_subscription);
    for (who, root) in [(ours, &foreign), (theirs, &cloud.root())] {
        for path in [
            root.clone(),
            format!("{root}/locations"),
            format!("{root}/resourcegroups"),
            format!("{root}/resources"),
            format!("{root}/providers"),
            format!("{root}/resourceGroups/g"),
            format!("{root}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1"),
            format!("{root}/providers/Microsoft.Authorization/roleAssignments"),
            format!("{root}/operationresults/{}", uuid::Uuid::nil()),
        ] {
            cloud.call(who, Method::GET, &path, VM, None).refused(401, "InvalidAuthenticationTokenTenant");
        }
    }
    let listed = |who| {
        cloud.call(who, Method::GET, "/subscriptions", ARM, None).expect(200).body["value"].as_array().unwrap().len()
    };
    assert_eq!((listed(ours), listed(theirs)), (2, 1));
    // An assignment of ours cannot name a principal of theirs.
    let body = json!({"properties": {"principalId": theirs.id.to_string(),
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"}});
    let path =
        format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", cloud.root(), uuid::Uuid::from_u128(1));
    cloud.put(&path, AUTHZ, body).refused(400, "PrincipalNotFound");
    let key = ScopeKey::Subscription(cloud.other_subscription);
    assert_eq!(cloud.store.read(|tx| Ok::<_, StoreError>(assignments::at(tx, cloud.tenant, key)?.len())).unwrap(), 0);
}

#[test]
fn tn_03_the_link_to_the_next_page_tells_nothing_of_a_resource_that_the_caller_may_not_read() {
    let cloud = Cloud::with_group();
    let reader = cloud.person(cloud.tenant, &[]);
    for name in ["vm1", "hidden", "vm3"] {
        cloud.put(&cloud.vm(name), VM, machine()).expect(201);
        if name != "hidden" {
            cloud.grant(&reader, "Reader", &cloud.vm(name));
        }
        cloud.now.set(cloud.now.get().plus_seconds(1));
    }
    let hidden = cloud.key(&cloud.vm("hidden"));
    for what in ["providers/Microsoft.Compute/virtualMachines", "resources"] {
        let path = format!("{}/{what}?$top=1", cloud.at("g"));
        let first = cloud.call(&reader, Method::GET, &path, ARM, None).expect(200);
        assert_eq!(first.names(), ["vm1"], "{what}");
        let link = first.body["nextLink"].as_str().unwrap().strip_prefix("https://localhost:8443").unwrap();
        let query = form_urlencoded::parse(link.split_once('?').unwrap().1.as_bytes());
        let (_, token) = query.into_iter().find(|(name, _)| name == "$skiptoken").unwrap();
        let cursor = base64url::decode(&token).unwrap();
        assert!(!cursor.ends_with(hidden.uuid().as_bytes()), "{what}");
        let second = cloud.call(&reader, Method::GET, link, "", None).expect(200);
        assert_eq!(second.names(), ["vm3"], "{what}");
        assert!(second.body.get("nextLink").is_none(), "{what}");
    }
}
