//! Changes between reading and committing: an engine that lets something else commit first.

use crate::cloud::{Cloud, Person, VM};
use bonafide_core::directory::{PRINCIPALS, RESOURCES, Resource};
use bonafide_crypto::SystemEntropy;
use bonafide_store::Intercepted;
use bonafide_store::engine::{Changes, Commit, CommitId, Cursor, Engine, Op};
use bonafide_store::{Change, MemoryEngine, RowKeys, Store, StoreError};
use bonafide_types::Entropy;
use http::Method;
use serde_json::json;
use std::sync::{Arc, Mutex};

/// Keys that are deleted before the next commit of anybody else.
type Armed = Arc<Mutex<Vec<Vec<u8>>>>;

/// An engine into which somebody else commits first.
fn intruded(armed: Armed) -> impl Engine {
    let commit = move |engine: &MemoryEngine, batch: &[Commit]| {
        let keys = std::mem::take(&mut *armed.lock().unwrap());
        if !keys.is_empty() {
            let ops = keys.into_iter().map(|key| Op::Delete { key }).collect();
            let id = CommitId(SystemEntropy.guid());
            engine.commit(&[Commit { id, compares: vec![], ops, audit: vec![], may_use_reserve: false }])?;
        }
        engine.commit(batch)
    };
    Intercepted { engine: MemoryEngine::new(), commit }
}

struct Race {
    cloud: Cloud,
    armed: Armed,
    start: Cursor,
}

impl Race {
    fn new() -> Self {
        let armed = Armed::default();
        let store = Store::open(intruded(Arc::clone(&armed)), RowKeys::throw_away());
        let start = store.head().unwrap();
        Self { cloud: Cloud::on(store).and_group(), armed, start }
    }

    /// The row that `matches` will be gone when the next write commits.
    fn arm(&self, matches: impl Fn(&Change) -> Result<bool, StoreError>) {
        let Changes::Some { changes, .. } = self.cloud.store.changes(self.start, usize::MAX).unwrap() else { panic!() };
        let change =
            changes.into_iter().rev().find(|change| change.value.is_some() && matches(change).unwrap()).unwrap();
        self.armed.lock().unwrap().push(change.key);
    }

    /// Arms the index entry of a role: a deletion takes it away together with the row, and it is what grants.
    fn arm_role_of(&self, person: &Person) {
        let id = person.id.uuid();
        self.arm(|change| {
            let is_entry = change.key.starts_with(b"role-assignment-by-content\0");
            Ok(is_entry && change.key.windows(16).any(|part| part == id.as_bytes()))
        });
    }

    fn arm_resource(&self, path: &str) {
        self.arm(|change| {
            let row: Option<(_, Option<Resource>)> = self.cloud.store.decode(&RESOURCES, change)?;
            Ok(row.and_then(|(_, row)| row).is_some_and(|row| row.id.as_str().eq_ignore_ascii_case(path)))
        });
    }
}

#[test]
fn a_write_is_allowed_at_the_revision_that_it_commits_at() {
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let race = Race::new();
        let cloud = &race.cloud;
        let body = json!({"location": "westus"});
        let made = cloud.put(&cloud.vm("vm1"), VM, body.clone()).expect(201);
        let person = cloud.in_subscription("Contributor");
        let call = || cloud.call(&person, method.clone(), &cloud.vm("vm1"), VM, Some(body.clone()));
        race.arm_role_of(&person);
        // The role is there when the request begins, and gone when it commits.
        call().refused(403, "AuthorizationFailed");
        assert_eq!(cloud.get(&cloud.vm("vm1"), VM).expect(200).body["etag"], made.header("etag"), "{method}");
    }
}

#[test]
fn a_principal_that_is_deleted_meanwhile_writes_nothing() {
    let race = Race::new();
    let cloud = &race.cloud;
    let person = cloud.in_subscription("Contributor");
    race.arm(|change| Ok(race.cloud.store.decode(&PRINCIPALS, change)?.is_some_and(|(id, _)| id == person.id)));
    let body = json!({"location": "westus"});
    cloud.call(&person, Method::PUT, &cloud.vm("vm1"), VM, Some(body)).refused(401, "InvalidAuthenticationToken");
    cloud.get(&cloud.vm("vm1"), VM).refused(404, "ResourceNotFound");
}

#[test]
fn tn_03_the_right_to_assign_must_still_be_held_when_the_assignment_commits() {
    let race = Race::new();
    let cloud = &race.cloud;
    let id = cloud.make_identity("id1");
    let person = cloud.person(cloud.tenant, &[]);
    cloud.grant(&person, "Virtual Machine Contributor", &cloud.at("g"));
    cloud.grant(&person, "Managed Identity Operator", &id);
    // The later of the two roles is the one on the identity.
    race.arm_role_of(&person);
    let body = json!({"location": "westus", "identity": {"type": "UserAssigned", "userAssignedIdentities": {&id: {}}}});
    cloud.call(&person, Method::PUT, &cloud.vm("vm1"), VM, Some(body)).refused(403, "LinkedAuthorizationFailed");
}

#[test]
fn nothing_is_put_into_a_group_or_below_a_resource_that_vanishes_meanwhile() {
    let race = Race::new();
    let cloud = &race.cloud;
    let body = json!({"location": "westus"});
    cloud.put(&cloud.vm("vm1"), VM, body.clone()).expect(201);
    race.arm_resource(&cloud.vm("vm1"));
    cloud.put(&format!("{}/extensions/e", cloud.vm("vm1")), VM, body.clone()).refused(404, "ParentResourceNotFound");
    race.arm_resource(&cloud.at("g"));
    cloud.put(&cloud.vm("vm2"), VM, body).refused(404, "ResourceGroupNotFound");
}

#[test]
fn an_identity_that_is_deleted_meanwhile_is_not_assigned() {
    let race = Race::new();
    let cloud = &race.cloud;
    let id = cloud.make_identity("id1");
    race.arm_resource(&id);
    let body = json!({"location": "westus", "identity": {"type": "UserAssigned", "userAssignedIdentities": {&id: {}}}});
    cloud.put(&cloud.vm("vm1"), VM, body).refused(400, "FailedIdentityOperation");
}
