//! The life of identities from end to end: what is done at management is felt at the metadata endpoint,
//! at login and by who holds a token.

#![allow(clippy::unwrap_used)]

use bonafide_core::directory::{CREDENTIALS, PRINCIPALS, RESOURCES, find};
use bonafide_metadata::Answer as Step;
use bonafide_store::Read;
use bonafide_testkit::{Answer, Ask, Cloud, GRAPH, MANAGEMENT, Machine, ManagedIdentity, Realm, claims};
use bonafide_types::{ObjectId, ResourceId};
use serde_json::json;

/// A cloud with the group `rg`.
fn cloud() -> (Cloud, Realm) {
    let cloud = Cloud::unthrottled();
    let home = cloud.home.clone();
    cloud.make_group(&home, "rg");
    (cloud, home)
}

fn placed(cloud: &Cloud, name: &str, system: bool, users: &[&ManagedIdentity]) -> Machine {
    let machine = cloud.make_machine(&cloud.home, "rg", name, system, users);
    cloud.place(&machine.id);
    machine
}

#[track_caller]
fn token(cloud: &Cloud, machine: &Machine, more: &str) -> String {
    cloud.workload_token(machine, MANAGEMENT, more).expect(200).text_at("/access_token").to_owned()
}

/// Reads a machine with a workload's token.
fn read(cloud: &Cloud, token: &str, machine: &Machine) -> Answer {
    let target = format!("{}?api-version=2024-11-01", machine.id);
    cloud.management(Ask::new("GET", &target).bearer(token).request()).into()
}

fn identity_not_found(answer: Answer) {
    assert_eq!(answer.body["error_description"], "Identity not found", "{}", answer.text);
    answer.refused(400, "invalid_request");
}

fn exists(cloud: &Cloud, principal: ObjectId) -> bool {
    cloud.store.read(|tx| tx.get(&PRINCIPALS, &principal)).unwrap().is_some()
}

fn keys(cloud: &Cloud, principal: ObjectId) -> usize {
    cloud.store.read(|tx| tx.page(&CREDENTIALS, &principal, None, 10)).unwrap().len()
}

#[test]
fn a_machine_that_is_switched_off_gets_no_token_until_it_is_started() {
    let (cloud, home) = cloud();
    let user = cloud.make_identity(&home, "rg", "ida");
    let machine = placed(&cloud, "web1", true, &[&user]);
    let act = |action: &str| {
        let target = format!("{}/{action}?api-version=2024-11-01", machine.id);
        let _ = cloud.manage(&home.operator, Ask::new("POST", &target)).expect(200);
        cloud.round();
    };
    let by_id = format!("&client_id={}", user.client);
    let _ = (token(&cloud, &machine, ""), token(&cloud, &machine, &by_id));
    for action in ["powerOff", "deallocate"] {
        act(action);
        identity_not_found(cloud.workload_token(&machine, MANAGEMENT, ""));
        identity_not_found(cloud.workload_token(&machine, MANAGEMENT, &by_id));
        assert_eq!(keys(&cloud, machine.principal.unwrap()), 0, "a key stays on a host: {action}");
        act("start");
        let _ = (token(&cloud, &machine, ""), token(&cloud, &machine, &by_id));
        act("restart");
        let _ = token(&cloud, &machine, "");
    }
}

#[test]
fn a_deleted_machine_takes_its_principal_its_next_token_and_its_last_one_with_it() {
    let (cloud, home) = cloud();
    let (machine, witness) = (placed(&cloud, "web1", true, &[]), placed(&cloud, "web2", false, &[]));
    let principal = machine.principal.unwrap();
    cloud.grant(&home, principal, "Reader", &format!("{}/resourceGroups/rg", home.root()));
    let last = token(&cloud, &machine, "");
    let _ = read(&cloud, &last, &witness).expect(200);
    assert_eq!(keys(&cloud, principal), 1);

    let _ = cloud.call(&home.operator, "DELETE", machine.id.as_str(), None).expect(200);
    assert!(!exists(&cloud, principal) && keys(&cloud, principal) == 0);
    read(&cloud, &last, &witness).refused(401, "InvalidAuthenticationToken");
    // Even before the host has heard of it, login gives nothing new.
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, "&bypass_cache=true"));
    cloud.round();
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, ""));
    // Its successor of the same name is somebody else.
    let again = placed(&cloud, "web1", true, &[]);
    assert!(again.principal.unwrap() != principal && again.uuid != machine.uuid);
    read(&cloud, &last, &witness).refused(401, "InvalidAuthenticationToken");
    read(&cloud, &token(&cloud, &again, ""), &witness).refused(403, "AuthorizationFailed");
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, ""));
}

#[test]
fn an_identity_deleted_while_attached_is_gone_within_a_round_and_its_leftover_can_be_removed() {
    let (cloud, home) = cloud();
    let (ida, idb) = (cloud.make_identity(&home, "rg", "ida"), cloud.make_identity(&home, "rg", "idb"));
    let machine = placed(&cloud, "web1", false, &[&ida, &idb]);
    cloud.grant(&home, ida.principal, "Reader", machine.id.as_str());
    let by_client = format!("&client_id={}", ida.client);
    let last = token(&cloud, &machine, &by_client);
    let _ = read(&cloud, &last, &machine).expect(200);

    let _ = cloud.call(&home.operator, "DELETE", ida.id.as_str(), None).expect(200);
    read(&cloud, &last, &machine).refused(401, "InvalidAuthenticationToken");
    cloud.round();
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, &by_client));
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, &format!("&msi_res_id={}", ida.id)));
    // The other one is the only one left, and so the default.
    let only = token(&cloud, &machine, "");
    assert_eq!(claims(&only)["oid"], json!(idb.principal));

    // The resource can still be written, its leftover entry stays until it is removed.
    let body = json!({"tags": {"fixVM": "1"}});
    let patched = cloud.call(&home.operator, "PATCH", machine.id.as_str(), Some(&body)).expect(200);
    assert_eq!(patched.body["identity"]["userAssignedIdentities"].as_object().unwrap().len(), 2);
    let put = json!({"location": "westeurope", "tags": {}});
    let _ = cloud.call(&home.operator, "PUT", machine.id.as_str(), Some(&put)).expect(200);
    let remove = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {ida.id.as_str(): null}}});
    let removed = cloud.call(&home.operator, "PATCH", machine.id.as_str(), Some(&remove)).expect(200);
    let left: Vec<&String> = removed.body["identity"]["userAssignedIdentities"].as_object().unwrap().keys().collect();
    assert_eq!(left, [idb.id.as_str()]);
    cloud.round();
    let _ = cloud.workload_token(&machine, MANAGEMENT, "").expect(200);
}

#[test]
fn id_11_a_recreated_identity_is_another_one() {
    let (cloud, home) = cloud();
    let old = cloud.make_identity(&home, "rg", "ida");
    let machine = placed(&cloud, "web1", false, &[&old]);
    cloud.grant(&home, old.principal, "Reader", machine.id.as_str());
    let last = token(&cloud, &machine, "");

    let _ = cloud.call(&home.operator, "DELETE", old.id.as_str(), None).expect(200);
    let new = cloud.make_identity(&home, "rg", "ida");
    cloud.round();
    assert!(new.id == old.id && new.principal != old.principal && new.client != old.client);
    // Neither token, cache, assignment to the machine nor role goes over to it.
    read(&cloud, &last, &machine).refused(401, "InvalidAuthenticationToken");
    for more in ["".to_owned(), format!("&client_id={}", new.client), format!("&msi_res_id={}", new.id)] {
        identity_not_found(cloud.workload_token(&machine, MANAGEMENT, &more));
    }
    // Assigned anew it is found under its name, without the old one's role.
    let body = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {new.id.as_str(): {}}}});
    let _ = cloud.call(&home.operator, "PATCH", machine.id.as_str(), Some(&body)).expect(200);
    cloud.round();
    let fresh = token(&cloud, &machine, &format!("&msi_res_id={}", new.id));
    assert_eq!(claims(&fresh)["oid"], json!(new.principal));
    read(&cloud, &fresh, &machine).refused(403, "AuthorizationFailed");
    read(&cloud, &last, &machine).refused(401, "InvalidAuthenticationToken");
}

#[test]
fn a_role_can_be_assigned_before_the_identity_is() {
    let (cloud, home) = cloud();
    let ida = cloud.make_identity(&home, "rg", "ida");
    cloud.grant(&home, ida.principal, "Reader", &format!("{}/resourceGroups/rg", home.root()));
    let machine = placed(&cloud, "web1", false, &[]);
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, ""));
    let body = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {ida.id.as_str(): {}}}});
    let _ = cloud.call(&home.operator, "PATCH", machine.id.as_str(), Some(&body)).expect(200);
    cloud.round();
    let _ = read(&cloud, &token(&cloud, &machine, ""), &machine).expect(200);
}

#[test]
fn id_06_an_open_binding_loses_an_identity_with_its_assignment() {
    let (cloud, home) = cloud();
    let ida = cloud.make_identity(&home, "rg", "ida");
    let (one, two) = (placed(&cloud, "web1", true, &[&ida]), placed(&cloud, "web2", false, &[&ida]));
    let binding = cloud.imds(&one);
    let target = format!(
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net&client_id={}",
        ida.client
    );
    let ask = Ask::new("GET", &target).header("host", "169.254.169.254").header("metadata", "true");
    assert_eq!(cloud.metadata(&binding, &ask).status, 200);
    let held = token(&cloud, &two, "");
    assert!(claims(&held)["xms_az_rid"].as_str().unwrap().ends_with("/virtualMachines/web2"));

    // Two requests wait for login while the identity is taken away: one has its token already.
    let waits = |resource: &str| {
        let ask = Ask::new("GET", &target.replace("vault.azure.net", resource));
        let ask = ask.header("host", "169.254.169.254").header("metadata", "true");
        match cloud.local.agent.answer(&binding, ask.request(), &cloud.world()) {
            Step::Wait { waiting, duty } => (waiting, duty.unwrap()),
            Step::Reply { .. } | Step::Ask(_) => panic!("there cannot be a token yet"),
        }
    };
    let (answered, asked) = (waits("storage.azure.com"), waits("graph.microsoft.com"));
    let result = cloud.local.fetch(&cloud, answered.1.fetch());
    assert!(result.is_ok());
    let body = json!({"identity": {"userAssignedIdentities": {ida.id.as_str(): null}}});
    let _ = cloud.call(&home.operator, "PATCH", one.id.as_str(), Some(&body)).expect(200);
    cloud.round();
    cloud.local.agent.complete(answered.1, result, &cloud.world());
    cloud.local.complete(&cloud, asked.1);
    for waiting in [answered.0, asked.0] {
        identity_not_found(cloud.local.agent.finish(waiting, &cloud.world()).into());
    }
    identity_not_found(cloud.metadata(&binding, &ask).into());
    // Nobody else notices: not the machine's other identity, not the identity's other machine.
    let _ = cloud.workload_token(&one, MANAGEMENT, "").expect(200);
    assert_eq!(token(&cloud, &two, ""), held);
}

#[test]
fn rv_01_the_last_token_of_an_identity_taken_from_a_machine_is_refused_by_our_own_services() {
    let (cloud, home) = cloud();
    let ida = cloud.make_identity(&home, "rg", "ida");
    let (one, two) = (placed(&cloud, "web1", true, &[&ida]), placed(&cloud, "web2", false, &[&ida]));
    cloud.grant(&home, ida.principal, "Reader", &home.root());
    cloud.grant(&home, ida.principal, "Owner", "");
    let by_client = format!("&client_id={}", ida.client);
    let (last, others) = (token(&cloud, &one, &by_client), token(&cloud, &two, ""));
    let graph = |machine: &Machine, more: &str| {
        cloud.workload_token(machine, GRAPH, more).expect(200).text_at("/access_token").to_owned()
    };
    let (last_of_graph, others_of_graph) = (graph(&one, &by_client), graph(&two, ""));
    let directory = |token: &str| -> Answer {
        cloud.graph(Ask::new("GET", "/v1.0/servicePrincipals").bearer(token).request()).into()
    };
    for (of_management, of_graph) in [(&last, &last_of_graph), (&others, &others_of_graph)] {
        let _ = (read(&cloud, of_management, &two).expect(200), directory(of_graph).expect(200));
    }
    let taken = json!({"identity": {"userAssignedIdentities": {ida.id.as_str(): null}}});
    let _ = cloud.call(&home.operator, "PATCH", one.id.as_str(), Some(&taken)).expect(200);
    // No host has heard of it, no view has followed, and no time has passed.
    read(&cloud, &last, &two).refused(401, "InvalidAuthenticationToken");
    directory(&last_of_graph).refused(401, "InvalidAuthenticationToken");
    let _ = (read(&cloud, &others, &two).expect(200), directory(&others_of_graph).expect(200));
    // Given back, it is the same identity of the same machine.
    let given = json!({"identity": {"userAssignedIdentities": {ida.id.as_str(): {}}}});
    let _ = cloud.call(&home.operator, "PATCH", one.id.as_str(), Some(&given)).expect(200);
    let _ = (read(&cloud, &last, &two).expect(200), directory(&last_of_graph).expect(200));
    // A machine that is gone has no assignment either.
    let _ = cloud.call(&home.operator, "DELETE", one.id.as_str(), None).expect(200);
    read(&cloud, &last, &two).refused(401, "InvalidAuthenticationToken");
    let _ = read(&cloud, &others, &two).expect(200);
}

#[test]
fn jw_09_a_move_of_machine_and_identity_refuses_no_token_that_a_client_holds() {
    let (cloud, home) = cloud();
    let ida = cloud.make_identity(&home, "rg", "ida");
    let (machine, witness) = (placed(&cloud, "web1", false, &[&ida]), placed(&cloud, "web2", false, &[]));
    cloud.grant(&home, ida.principal, "Reader", &home.root());
    let held = token(&cloud, &machine, "");
    // As a move does it: ids are rewritten, internal ids stay.
    cloud.change(|tx| {
        for id in [&machine.id, &ida.id] {
            let (uuid, mut resource) = find(tx, id)?.unwrap();
            resource.id = ResourceId::parse(&format!("{id}-moved")).unwrap();
            tx.put(&RESOURCES, &uuid, &resource)?;
        }
        Ok(())
    });
    let _ = read(&cloud, &held, &witness).expect(200);
}

#[test]
fn a_system_assigned_identity_switched_off_and_on_is_a_new_one() {
    let (cloud, home) = cloud();
    let machine = placed(&cloud, "web1", true, &[]);
    let last = token(&cloud, &machine, "");
    let patch = |kind: &str| {
        let body = json!({"identity": {"type": kind}});
        let answer = cloud.call(&home.operator, "PATCH", machine.id.as_str(), Some(&body)).expect(200);
        cloud.round();
        answer
    };
    assert!(patch("None").body.get("identity").is_none());
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, ""));
    read(&cloud, &last, &machine).refused(401, "InvalidAuthenticationToken");
    let principal = patch("SystemAssigned").body["identity"]["principalId"].clone();
    assert_ne!(principal, json!(machine.principal.unwrap()));
    assert_eq!(claims(&token(&cloud, &machine, ""))["oid"], principal);
    read(&cloud, &last, &machine).refused(401, "InvalidAuthenticationToken");
}

#[test]
fn a_deleted_group_takes_its_machines_and_identities_with_it() {
    let (cloud, home) = cloud();
    let ida = cloud.make_identity(&home, "rg", "ida");
    let machine = placed(&cloud, "web1", true, &[&ida]);
    cloud.grant(&home, ida.principal, "Reader", &home.root());
    let last = token(&cloud, &machine, &format!("&client_id={}", ida.client));
    let group = format!("{}/resourceGroups/rg", home.root());
    let _ = cloud.call(&home.operator, "DELETE", &group, None).expect(200);
    cloud.round();
    for principal in [ida.principal, machine.principal.unwrap()] {
        assert!(!exists(&cloud, principal));
    }
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, ""));
    read(&cloud, &last, &machine).refused(401, "InvalidAuthenticationToken");
}

#[test]
fn a_role_taken_away_counts_with_the_next_request() {
    let (cloud, home) = cloud();
    let machine = placed(&cloud, "web1", true, &[]);
    let token = token(&cloud, &machine, "");
    read(&cloud, &token, &machine).refused(403, "AuthorizationFailed");
    let name = "00000000-0000-4000-8000-000000000001";
    let path = format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", machine.id);
    let role = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
    let body = json!({"properties": {"principalId": machine.principal.unwrap(), "roleDefinitionId": role}});
    let _ = cloud.call(&home.operator, "PUT", &path, Some(&body)).expect(201);
    let _ = read(&cloud, &token, &machine).expect(200);
    let _ = cloud.call(&home.operator, "DELETE", &path, None).expect(200);
    read(&cloud, &token, &machine).refused(403, "AuthorizationFailed");
}

#[test]
fn login_is_asked_once_for_a_token_until_half_its_life_is_over() {
    let (cloud, _) = cloud();
    let machine = placed(&cloud, "web1", true, &[]);
    let before = cloud.login_requests();
    let first = token(&cloud, &machine, "");
    for _ in 0..50 {
        assert_eq!(token(&cloud, &machine, ""), first);
    }
    assert_eq!(cloud.login_requests() - before, 1);
    // Its key lasts for ninety days: after half of that the next fetch makes and registers another.
    cloud.advance(46 * 86_400);
    let _ = cloud.workload_token(&machine, MANAGEMENT, "").expect(200);
    assert_eq!(keys(&cloud, machine.principal.unwrap()), 2);
}

#[test]
fn a_thousand_identities_serve_one_machine_and_not_one_more() {
    let (cloud, home) = cloud();
    let bearer = cloud.token(&home.operator, MANAGEMENT);
    let put = |path: &str, body: &serde_json::Value| -> Answer {
        let target = format!("{path}?api-version=2024-11-01");
        cloud.management(Ask::new("PUT", &target).bearer(&bearer).json(body).request()).into()
    };
    let ids: Vec<_> =
        (0..=1_000).map(|number| home.id("rg", bonafide_testkit::IDENTITY, &format!("id{number}"))).collect();
    let mut clients = Vec::new();
    for id in &ids {
        let made = put(id.as_str(), &json!({"location": "westeurope"})).expect(201);
        clients.push(made.text_at("/properties/clientId").to_owned());
    }
    let machine = placed(&cloud, "web1", false, &[]);
    let with = |count: usize| {
        let map: serde_json::Map<_, _> = ids[..count].iter().map(|id| (id.to_string(), json!({}))).collect();
        json!({"location": "westeurope", "identity": {"type": "UserAssigned", "userAssignedIdentities": map}})
    };
    let _ = put(machine.id.as_str(), &with(1_000)).expect(200);
    put(machine.id.as_str(), &with(1_001)).refused(400, "FailedIdentityOperation");
    cloud.round();
    for number in [0, 500, 999] {
        let answer = cloud.workload_token(&machine, MANAGEMENT, &format!("&client_id={}", clients[number])).expect(200);
        assert_eq!(answer.body["client_id"], json!(clients[number]));
    }
    identity_not_found(cloud.workload_token(&machine, MANAGEMENT, &format!("&client_id={}", clients[1_000])));
}
