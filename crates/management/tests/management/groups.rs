//! Resource groups.

use crate::cloud::{ARM, Answer, Cloud, MSI, VM};
use bonafide_core::access::{Allowed, Chain, NewAssignment, ScopeKey, assignments, roles};
use bonafide_core::directory::{PRINCIPALS, RESOURCES};
use bonafide_crypto::SystemEntropy;
use bonafide_management::operations::{BadEnd, OPERATIONS, Operation, Work, sweep};
use bonafide_store::{Absence, Read, StoreError, Table};
use bonafide_types::{OperationId, ResourceUuid, RoleAssignmentId};
use http::Method;
use serde_json::{Value, json};

fn left(cloud: &Cloud) -> (usize, usize) {
    cloud
        .store
        .read(|tx| {
            let resources = tx.page(&RESOURCES, &(), None, usize::MAX)?.len();
            Ok::<_, StoreError>((resources, tx.page(&PRINCIPALS, &(), None, usize::MAX)?.len()))
        })
        .unwrap()
}

#[test]
fn a_group_is_made_read_changed_and_deleted() {
    let cloud = Cloud::new();
    let path = cloud.at("My.Group_(1)");
    let lower = path.replace("resourceGroups", "resourcegroups");
    assert_eq!(cloud.call(&cloud.owner, Method::HEAD, &path, ARM, None).status, 404);
    cloud.patch(&path, ARM, json!({"tags": {}})).refused(404, "ResourceGroupNotFound");
    let made = cloud.put(&lower, ARM, json!({"location": "West Europe", "tags": {"a": "b"}})).expect(201).body;
    assert_eq!(
        made,
        json!({
            "id": path, "name": "My.Group_(1)", "type": "Microsoft.Resources/resourceGroups", "location": "westeurope",
            "tags": {"a": "b"}, "properties": {"provisioningState": "Succeeded"},
        })
    );
    assert_eq!(cloud.get(&lower, ARM).expect(200).body, made);
    assert_eq!(
        cloud
            .call(
                &cloud.owner,
                Method::HEAD,
                &path.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions"),
                ARM,
                None
            )
            .status,
        204
    );
    // az updates a group with what it read.
    cloud.put(&path, ARM, json!({"properties": {}, "location": "westeurope", "tags": {"c": "d"}})).expect(200);
    cloud.patch(&path, ARM, json!({"tags": {"e": "f"}})).expect(200);
    assert_eq!(cloud.get(&path, ARM).body["tags"], json!({"e": "f"}));
    cloud.put(&path, ARM, json!({"location": "eastus"})).refused(409, "InvalidResourceGroupLocation");
    cloud.delete(&path, ARM).expect(200);
    cloud.get(&path, ARM).refused(404, "ResourceGroupNotFound");
    cloud.delete(&path, ARM).refused(404, "ResourceGroupNotFound");
    let wrong = cloud.put(&cloud.at("gr%C3%BC%21"), ARM, json!({"location": "x"})).refused(400, "InvalidResourceGroup");
    assert_eq!(
        wrong.body["error"]["message"],
        "The provided resource group name 'grü!' has these invalid characters: 'ü!'. The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
    );
    cloud.put(&cloud.at("a."), ARM, json!({"location": "x"})).refused(400, "InvalidRequestUri");
    cloud.put(&cloud.at("a!b"), ARM, json!({"location": "x"})).refused(400, "InvalidResourceGroup");
    cloud.put(&cloud.at("g2"), ARM, json!({})).refused(400, "LocationRequired");
}

#[test]
fn of_two_faults_in_a_write_the_same_one_is_told_for_every_type() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let body = |tags: Value, location: &str| json!({"location": location, "tags": tags}).to_string();
    let (good, elsewhere) = (json!({"a": "b"}), "eastus");
    let stale: &[_] = &[("if-match", "\"0\"")];
    let none: &[_] = &[("if-none-match", "*")];
    for path in [cloud.at("g"), cloud.vm("vm1")] {
        let (moved, too_old) = if path == cloud.at("g") {
            ("InvalidResourceGroupLocation", "InvalidApiVersionParameter")
        } else {
            ("InvalidResourceLocation", "NoRegisteredProviderFound")
        };
        for method in [Method::PUT, Method::PATCH] {
            for (version, headers, body, status, code) in [
                ("2010-01-01", stale, "{".to_owned(), 400, too_old),
                (VM, stale, "{".to_owned(), 400, "InvalidRequestContent"),
                (VM, none, "{".to_owned(), 400, "InvalidRequestContent"),
                (VM, stale, body(good.clone(), elsewhere), 412, "PreconditionFailed"),
                (VM, none, body(good.clone(), elsewhere), 412, "PreconditionFailed"),
                (VM, stale, body(good.clone(), "!"), 412, "PreconditionFailed"),
                (VM, stale, body(json!({"a": 1}), "westus"), 412, "PreconditionFailed"),
                (VM, &[], body(json!({"a": 1}), elsewhere), 409, moved),
                (VM, &[], body(json!({"a": 1}), "!"), 400, "InvalidRequestContent"),
                (VM, &[], body(json!({"a": 1}), "westus"), 400, "InvalidRequestContent"),
            ] {
                let answer = cloud.raw_as(&cloud.owner, method.clone(), &path, version, headers, body.as_bytes());
                assert_eq!((answer.status, answer.code()), (status, code), "{method} {path} {headers:?} {body}");
            }
        }
        // Nothing of this was done.
        let read = cloud.get(&path, VM).expect(200).body;
        assert_eq!((&read["location"], &read["tags"]), (&json!("westus"), &json!({})), "{path}");
    }
    // A caller that may not write learns nothing else; a missing resource is told before a fault of the body.
    let reader = cloud.in_subscription("Reader");
    for path in [cloud.at("g"), cloud.vm("vm1")] {
        cloud.raw_as(&reader, Method::PUT, &path, VM, stale, b"{").refused(403, "AuthorizationFailed");
    }
    for (path, code) in [(cloud.at("none"), "ResourceGroupNotFound"), (cloud.vm("none"), "ResourceNotFound")] {
        cloud.raw_as(&cloud.owner, Method::PATCH, &path, VM, stale, b"{").refused(404, code);
    }
    // A new one: its condition, then its name, then its location.
    for (path, code) in [(cloud.at("a!b"), "InvalidResourceGroup"), (cloud.vm("a(1)"), "InvalidResourceName")] {
        let put = |headers: &[(&str, &str)]| cloud.raw_as(&cloud.owner, Method::PUT, &path, VM, headers, b"{}");
        put(&[("if-match", "*")]).refused(412, "PreconditionFailed");
        put(&[]).refused(400, code);
    }
}

#[test]
fn a_group_that_is_being_deleted_says_so_after_its_location() {
    let cloud = Cloud::with_group();
    for n in 0..1_800 {
        cloud.put(&cloud.vm(&format!("vm{n}")), VM, json!({"location": "westus"})).expect(201);
    }
    cloud.delete(&cloud.at("g"), ARM).expect(202);
    let stale = [("if-match", "\"0\"")];
    for method in [Method::PUT, Method::PATCH] {
        let write = |headers: &[(&str, &str)], body: &str| {
            cloud.raw_as(&cloud.owner, method.clone(), &cloud.at("g"), ARM, headers, body.as_bytes())
        };
        write(&stale, r#"{"location": "westus"}"#).refused(412, "PreconditionFailed");
        write(&[], r#"{"location": "eastus"}"#).refused(409, "InvalidResourceGroupLocation");
        write(&[], r#"{"location": "westus", "tags": 1}"#).refused(409, "ResourceGroupBeingDeleted");
    }
}

#[test]
fn groups_are_listed_with_a_filter_on_tags() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus", "tags": {"a": "b"}})).expect(201);
    let list = |query: &str| cloud.get(&format!("{}/resourcegroups{query}", cloud.root()), ARM).expect(200);
    assert_eq!(list("").names().len(), 2);
    assert_eq!(list("?$filter=tagname%20eq%20%27a%27%20and%20tagvalue%20eq%20%27b%27").names(), ["h"]);
    assert_eq!(list("?$filter=").names().len(), 2);
}

#[test]
fn a_deleted_group_takes_everything_in_it_along() {
    let cloud = Cloud::with_group();
    let before = left(&cloud);
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let identity = cloud.identity("id1").replace("/g/", "/h/");
    cloud.put(&identity, MSI, json!({"location": "westus"})).expect(201);
    let machine = cloud.vm("vm1").replace("/g/", "/h/");
    let block = json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {&identity: {}}});
    cloud.put(&machine, VM, json!({"location": "westus", "identity": block})).expect(201);
    cloud.put(&format!("{machine}/extensions/e1"), VM, json!({"location": "westus"})).expect(201);
    let user = json!({"type": "UserAssigned", "userAssignedIdentities": {&identity: {}}});
    cloud.put(&cloud.vm("vm2"), VM, json!({"location": "westus", "identity": user})).expect(201);
    cloud.grant(&cloud.owner, "Reader", &machine);
    cloud.grant(&cloud.owner, "Reader", &cloud.at("h"));
    cloud.delete(&cloud.at("h"), ARM).expect(200);
    // Only the machine in the other group is left, with an entry that leads nowhere.
    assert_eq!(left(&cloud), (before.0 + 1, before.1));
    assert!(cloud.get(&cloud.vm("vm2"), VM).body["identity"]["userAssignedIdentities"].get(&identity).is_some());
    let held = cloud.store.read(|tx| assignments::of_principal(tx, cloud.tenant, cloud.owner.id)).unwrap();
    assert_eq!(held.len(), 1);
    cloud.put(&cloud.at("h"), ARM, json!({"location": "eastus"})).expect(201);
    cloud.get(&machine, VM).refused(404, "ResourceNotFound");
}

#[test]
fn a_large_group_goes_in_steps_and_takes_nothing_new_meanwhile() {
    let cloud = Cloud::with_group();
    let machine = |identity: Value| json!({"location": "westus", "identity": identity});
    for n in 0..1_800 {
        let identity = if n < 200 { json!({"type": "SystemAssigned"}) } else { Value::Null };
        cloud.put(&cloud.vm(&format!("vm{n}")), VM, machine(identity)).expect(201);
    }
    let answer = cloud.delete(&cloud.at("g"), ARM).expect(202);
    let location = answer.header("location").strip_prefix("https://localhost:8443").unwrap().to_owned();
    // The request itself took 16 steps: 5 to withdraw the identities, then 11 of 100 resources.
    assert_eq!(left(&cloud), (701, 2));
    assert_eq!(cloud.get(&cloud.at("g"), ARM).expect(200).body["properties"]["provisioningState"], "Deleting");
    cloud.put(&cloud.vm("new"), VM, machine(Value::Null)).refused(409, "ResourceGroupBeingDeleted");
    cloud.put(&cloud.at("g"), ARM, json!({"location": "westus"})).refused(409, "ResourceGroupBeingDeleted");
    assert_eq!(cloud.get(&location, "").expect(202).header("retry-after"), "1");
    assert_eq!(left(&cloud).0, 601);
    // Another replica goes on where this one stopped.
    cloud.advance_all().unwrap();
    cloud.get(&location, "").expect(200);
    assert_eq!(left(&cloud), (0, 2));
}

#[test]
fn resources_with_many_identities_are_deleted_in_smaller_steps() {
    let cloud = Cloud::with_group();
    let ids: Vec<String> = (0..300).map(|n| cloud.make_identity(&format!("id{n}"))).collect();
    let map: serde_json::Map<String, Value> = ids.iter().map(|id| (id.clone(), json!({}))).collect();
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let body = json!({"location": "westus", "identity": {"type": "UserAssigned", "userAssignedIdentities": map}});
    for n in 1..20 {
        cloud.put(&cloud.vm(&format!("vm{n}")).replace("/g/", "/h/"), VM, body.clone()).expect(201);
    }
    let site = format!("{}/providers/Microsoft.Web/sites/site", cloud.at("h"));
    cloud.put(&site, ARM, body.clone()).expect(200);
    for n in 0..20 {
        cloud.put(&format!("{site}/slots/s{n}"), ARM, body.clone()).expect(200);
    }
    // One resource, and more index entries below it than a commit has room for.
    finish(&cloud, &cloud.delete(&site, ARM));
    assert_eq!(left(&cloud).0, 302 + 19);
    cloud.delete(&cloud.at("h"), ARM).expect(200);
    cloud.get(&cloud.at("h"), ARM).refused(404, "ResourceGroupNotFound");
    assert_eq!(left(&cloud).0, 301);
}

/// Follows the `Location` of a deletion until it is done.
fn finish(cloud: &Cloud, answer: &Answer) {
    if answer.status == 200 {
        return;
    }
    let location = answer.header("location").strip_prefix("https://localhost:8443").unwrap().to_owned();
    for _ in 0..200 {
        if cloud.get(&location, "").status == 200 {
            return;
        }
    }
    panic!("{location} is never done");
}

#[test]
fn whatever_lies_below_a_resource_it_can_be_deleted() {
    let cloud = Cloud::with_group();
    let make = |above: &str| {
        cloud.put(above, VM, json!({"location": "westus", "identity": {"type": "SystemAssigned"}})).expect(201);
        cloud.fill(above, 860);
    };
    let before = left(&cloud);
    make(&cloud.vm("vm1"));
    finish(&cloud, &cloud.delete(&cloud.vm("vm1"), VM));
    assert_eq!(left(&cloud), before);
    make(&cloud.vm("vm2"));
    finish(&cloud, &cloud.delete(&cloud.at("g"), ARM));
    assert_eq!(left(&cloud), (before.0 - 1, before.1));
}

#[test]
fn a_resource_that_is_being_deleted_in_steps_has_no_identity_and_takes_nothing_new() {
    let cloud = Cloud::with_group();
    let before = left(&cloud);
    let body = json!({"location": "westus", "identity": {"type": "SystemAssigned"}});
    cloud.put(&cloud.vm("vm1"), VM, body.clone()).expect(201);
    // More than the request itself takes steps for.
    cloud.fill(&cloud.vm("vm1"), 1_700);
    let answer = cloud.delete(&cloud.vm("vm1"), VM).expect(202);
    let (resources, principals) = left(&cloud);
    assert!(resources > before.0 && principals == before.1);
    assert!(cloud.get(&cloud.vm("vm1"), VM).expect(200).body.get("identity").is_none());
    cloud.put(&cloud.vm("vm1"), VM, body).refused(409, "AnotherOperationInProgress");
    let child = format!("{}/extensions/new", cloud.vm("vm1"));
    cloud.put(&child, VM, json!({"location": "westus"})).refused(409, "AnotherOperationInProgress");
    finish(&cloud, &answer);
    assert_eq!(left(&cloud), before);
}

#[test]
fn however_many_roles_are_assigned_at_a_group_or_resource_it_can_be_deleted() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let (group, machine) = (cloud.key(&cloud.at("g")), cloud.key(&cloud.vm("vm1")));
    let in_subscription = Chain::root(cloud.tenant).then(ScopeKey::Subscription(cloud.subscription));
    let at_group = in_subscription.then(ScopeKey::Group(group));
    for chain in [at_group.clone().then(ScopeKey::Resource(machine)), at_group] {
        for role in roles::all().iter().take(900) {
            let name = RoleAssignmentId::random(&SystemEntropy);
            let new = NewAssignment { name, principal: cloud.owner.id, role: role.id, description: None };
            cloud
                .store
                .write(|tx| {
                    assignments::create(tx, &cloud.world(), &Allowed::system(chain.tenant()), &chain, &new).unwrap();
                    Ok::<_, StoreError>(())
                })
                .unwrap();
        }
    }
    finish(&cloud, &cloud.delete(&cloud.vm("vm1"), VM));
    finish(&cloud, &cloud.delete(&cloud.at("g"), ARM));
    assert_eq!(left(&cloud).0, 0);
    let held = cloud.store.read(|tx| assignments::of_principal(tx, cloud.tenant, cloud.owner.id)).unwrap();
    assert_eq!(held.len(), 1);
}

#[test]
fn in_a_group_that_is_being_deleted_identities_and_resources_can_still_be_taken_away() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let block = json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {&id: {}}});
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus", "identity": block})).expect(201);
    // As a request leaves it that was stopped before its first step.
    cloud.change_stored(&cloud.at("g"), |row| row["body"]["deleting"] = true.into());
    let patch = |body| cloud.patch(&cloud.vm("vm1"), VM, body);
    patch(json!({"tags": {}})).refused(409, "ResourceGroupBeingDeleted");
    patch(json!({"tags": {}, "identity": {"type": "None"}})).refused(409, "ResourceGroupBeingDeleted");
    patch(json!({"identity": {"type": "SystemAssigned"}})).expect(200);
    patch(json!({"identity": {"type": "None"}})).expect(200);
    assert!(cloud.get(&cloud.vm("vm1"), VM).expect(200).body.get("identity").is_none());
    patch(json!({"identity": {"type": "SystemAssigned"}})).refused(409, "ResourceGroupBeingDeleted");
    let add = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&id: {}}}});
    patch(add).refused(409, "ResourceGroupBeingDeleted");
    cloud.delete(&cloud.vm("vm1"), VM).expect(200);
    cloud.delete(&id, MSI).expect(200);
}

#[test]
fn an_operation_that_fails_keeps_no_other_from_its_turn() {
    let cloud = Cloud::with_group();
    const BROKEN: Table<ResourceUuid, Value> = Table::new("resource", Absence::Withholds);
    let operation = |n: u128, group: ResourceUuid| {
        // As it is stored: only a proof makes one otherwise.
        let work = Work::new("deleteGroup", &json!({"group": group}));
        let (tenant, principal) = (cloud.tenant, cloud.owner.id);
        let row = Operation {
            tenant,
            principal,
            on_behalf: None,
            work,
            started_at: cloud.now.get(),
            ended_at: None,
            end: None,
        };
        let key = (cloud.subscription, OperationId::new(uuid::Uuid::from_u128(n)));
        cloud.store.write(|tx| tx.put(&OPERATIONS, &key, &row)).unwrap();
    };
    // More than are read at once, and before the one that can go on.
    for n in 0..150 {
        let broken = ResourceUuid::new(uuid::Uuid::from_u128(n));
        cloud.store.write(|tx| tx.put(&BROKEN, &broken, &Value::Null)).unwrap();
        operation(n, broken);
    }
    operation(u128::MAX, cloud.key(&cloud.at("g")));
    assert!(cloud.advance_all().is_err());
    cloud.get(&cloud.at("g"), ARM).refused(404, "ResourceGroupNotFound");
}

#[test]
fn an_operation_that_cannot_be_read_or_was_canceled_did_not_succeed() {
    let cloud = Cloud::with_group();
    let id = |n: u128| OperationId::new(uuid::Uuid::from_u128(n));
    let store = |n: u128, work: Work, end: Option<BadEnd>| {
        let (tenant, principal, started_at) = (cloud.tenant, cloud.owner.id, cloud.now.get());
        let ended_at = end.as_ref().map(|_| started_at);
        let row = Operation { tenant, principal, on_behalf: None, work, started_at, ended_at, end };
        cloud.store.write(|tx| tx.put(&OPERATIONS, &(cloud.subscription, id(n)), &row)).unwrap();
    };
    store(1, Work::new("deleteGroup", &json!({})), None);
    store(2, Work::new("deleteResource", &json!({"resource": 1})), None);
    store(3, Work::new("deleteGroup", &json!({})), Some(BadEnd::Canceled));
    cloud.advance_all().unwrap();
    for (n, code, status) in [
        (1, "OperationUnreadable", "Failed"),
        (2, "OperationUnreadable", "Failed"),
        (3, "OperationCanceled", "Canceled"),
    ] {
        cloud.get(&format!("{}/operationresults/{}", cloud.root(), id(n)), ARM).refused(409, code);
        let path = format!("{}/providers/Microsoft.Compute/locations/l/operations/{}", cloud.root(), id(n));
        assert_eq!(cloud.get(&path, ARM).expect(200).body["status"], status);
    }
    cloud.get(&cloud.at("g"), ARM).expect(200);
}

#[test]
fn who_manages_a_group_is_a_text() {
    let cloud = Cloud::with_group();
    let put = |manager| cloud.put(&cloud.at("m"), ARM, json!({"location": "westus", "managedBy": manager}));
    put(json!({"id": "a"})).refused(400, "InvalidRequestContent");
    put(json!("a")).expect(201);
    assert_eq!(cloud.get(&cloud.at("m"), ARM).expect(200).body["managedBy"], "a");
}

#[test]
fn operations_are_forgotten_after_a_day() {
    let cloud = Cloud::with_group();
    cloud.delete(&cloud.at("g"), ARM).expect(200);
    let rows = cloud.store.read(|tx| tx.page(&OPERATIONS, &cloud.subscription, None, 1)).unwrap();
    let location = format!("{}/operationresults/{}?api-version={ARM}", cloud.root(), rows[0].0.1);
    sweep(&cloud.store, &cloud.world()).unwrap();
    cloud.get(&location, "").expect(200);
    cloud.now.set(cloud.now.get().plus_seconds(86_401));
    sweep(&cloud.store, &cloud.world()).unwrap();
    cloud.get(&location, "").refused(404, "OperationNotFound");
}
