//! Operations that are done at once, and polling of those that are not.

use crate::cloud::{ARM, Answer, Cloud, MSI, Person, VM};
use bonafide_core::directory::PRINCIPALS;
use bonafide_store::Intercepted;
use bonafide_store::engine::{Commit, Engine};
use bonafide_store::{EngineError, MemoryEngine, Read, RowKeys, Store};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn path(url: &str) -> String {
    url.strip_prefix("https://localhost:8443").unwrap().to_owned()
}

/// A cloud with the group `g`, on a store that fails after as many commits as it is told.
pub struct Failing {
    pub cloud: Cloud,
    commits: Arc<AtomicUsize>,
    allowed: Arc<AtomicUsize>,
}

impl Failing {
    pub fn new() -> Self {
        let (commits, allowed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(usize::MAX)));
        let (count, limit) = (Arc::clone(&commits), Arc::clone(&allowed));
        let engine = Intercepted {
            engine: MemoryEngine::new(),
            commit: move |engine: &MemoryEngine, batch: &[Commit]| {
                if count.fetch_add(1, Ordering::SeqCst) >= limit.load(Ordering::SeqCst) {
                    return Err(EngineError::Full("the process is gone".to_owned()));
                }
                engine.commit(batch)
            },
        };
        let store = Store::open(engine, RowKeys::throw_away());
        Self { cloud: Cloud::on(store).and_group(), commits, allowed }
    }

    /// The answer to a request of which so many commits succeed; true when more were tried.
    pub fn during(&self, commits: usize, request: impl FnOnce(&Cloud) -> Answer) -> (Answer, bool) {
        let allowed = self.commits.load(Ordering::SeqCst) + commits;
        self.allowed.store(allowed, Ordering::SeqCst);
        let answer = request(&self.cloud);
        self.allowed.store(usize::MAX, Ordering::SeqCst);
        (answer, self.commits.load(Ordering::SeqCst) > allowed)
    }
}

#[test]
fn what_is_done_when_its_answer_is_written_is_answered_as_done() {
    let cloud = Cloud::with_group();
    let network = format!("{}/providers/Microsoft.Network/virtualNetworks/nab", cloud.at("g"));
    for (path, version) in
        [(cloud.vm("vm1"), VM), (network, "2022-01-01"), (cloud.identity("id1"), MSI), (cloud.at("h"), ARM)]
    {
        let body = json!({"location": "westus", "properties": {}});
        for (answer, status) in [
            (cloud.put(&path, version, body.clone()), 201),
            (cloud.put(&path, version, body), 200),
            (cloud.patch(&path, version, json!({"tags": {}})), 200),
            (cloud.delete(&path, version), 200),
        ] {
            // `Cloud` looks for addresses to poll in every answer.
            let answer = answer.expect(status);
            assert!(!answer.headers.contains_key("retry-after"), "{path}");
            // Azure's answers for an identity have no such member.
            let state = answer.body["properties"].get("provisioningState");
            assert!(state.is_none_or(|state| state == "Succeeded"), "{path}");
        }
    }
}

#[test]
fn a_deletion_that_is_not_done_is_polled_until_it_has_succeeded() {
    let failing = Failing::new();
    let cloud = &failing.cloud;
    for (machine, at_status) in [("vm1", true), ("vm2", false)] {
        let machine = cloud.vm(machine);
        cloud.put(&machine, VM, json!({"location": "westus"})).expect(201);
        // Each step deletes a hundred.
        cloud.fill(&machine, 250);
        let (answer, _) = failing.during(1, |cloud| cloud.delete(&machine, VM));
        let answer = answer.expect(202);
        let (status, result) = (path(answer.header("azure-asyncoperation")), path(answer.header("location")));
        assert!(status.contains("/providers/Microsoft.Compute/locations/westus/operations/"), "{status}");
        if at_status {
            let poll = cloud.get(&status, "").expect(200);
            assert_eq!((&poll.body["status"], poll.header("retry-after")), (&json!("InProgress"), "1"));
            assert!(poll.body["startTime"].as_str().unwrap().ends_with("+00:00") && poll.body["name"].is_string());
        } else {
            cloud.get(&result, "").expect(202);
        }
        cloud.advance_all().unwrap();
        let poll = cloud.get(&status, "").expect(200);
        assert_eq!(poll.body["status"], "Succeeded");
        assert!(poll.body["endTime"].as_str().unwrap().ends_with("+00:00"));
        assert!(!poll.headers.contains_key("retry-after"));
        cloud.get(&result, "").expect(200);
        cloud.get(&machine, VM).refused(404, "ResourceNotFound");
    }
    let (answer, _) = failing.during(1, |cloud| cloud.delete(&cloud.at("g"), ARM));
    let answer = answer.expect(202);
    assert!(!answer.headers.contains_key("azure-asyncoperation"));
    cloud.advance_all().unwrap();
    cloud.get(&path(answer.header("location")), "").expect(200);
}

#[test]
fn tn_08_a_deletion_that_was_accepted_goes_on_wherever_a_crash_left_it() {
    const IDENTITIES: usize = 230;
    let mut crashes = 0;
    loop {
        let failing = Failing::new();
        let cloud = &failing.cloud;
        let principals = || cloud.store.read(|tx| tx.page(&PRINCIPALS, &(), None, usize::MAX)).unwrap().len();
        let before = principals();
        (0..IDENTITIES).for_each(|n| drop(cloud.make_identity(&format!("id-{n}"))));
        assert_eq!(principals(), before + IDENTITIES);
        // The deletion is accepted in its first commit; then so many of its steps are taken.
        let (answer, crashed) = failing.during(1 + crashes, |cloud| cloud.delete(&cloud.at("g"), ARM));
        let answer = answer.expect(if crashed { 202 } else { 200 });
        if crashed {
            assert_eq!(cloud.get(&cloud.at("g"), ARM).expect(200).body["properties"]["provisioningState"], "Deleting");
        }
        cloud.advance_all().unwrap();
        cloud.get(&cloud.at("g"), ARM).refused(404, "ResourceGroupNotFound");
        assert_eq!(principals(), before, "after {crashes} steps");
        if !crashed {
            break;
        }
        cloud.get(&path(answer.header("location")), "").expect(200);
        crashes += 1;
    }
    assert!(crashes > 4, "the deletion takes {crashes} steps, too few to be cut short");
}

#[test]
fn an_operation_is_polled_by_who_started_it() {
    let failing = Failing::new();
    let cloud = &failing.cloud;
    let contributor = cloud.person(cloud.tenant, &[]);
    let other = cloud.person(cloud.tenant, &[]);
    for person in [&contributor, &other] {
        cloud.grant(person, "Contributor", &cloud.at("g"));
    }
    let delete = |cloud: &Cloud| cloud.call(&contributor, Method::DELETE, &cloud.at("g"), ARM, None);
    let (answer, _) = failing.during(1, delete);
    let url = path(answer.expect(202).header("location"));
    let poll = |who: &Person| cloud.call(who, Method::GET, &url, "", None);
    poll(&other).refused(403, "AuthorizationFailed");
    cloud.advance_all().unwrap();
    poll(&contributor).expect(200);
    poll(&cloud.owner).expect(200);
    poll(&cloud.person(cloud.tenant, &[])).refused(403, "AuthorizationFailed");
    poll(&cloud.other_owner).refused(401, "InvalidAuthenticationTokenTenant");
    let unknown = url.replace(
        url.split('/').next_back().unwrap().split('?').next().unwrap(),
        "00000000-0000-0000-0000-000000000001",
    );
    cloud.get(&unknown, "").refused(404, "OperationNotFound");
    cloud.call(&contributor, Method::GET, &unknown, "", None).refused(403, "AuthorizationFailed");
}

#[test]
fn au_05_nothing_is_made_or_made_larger_on_a_full_disk_because_it_names_no_identity() {
    let is_full = Arc::new(AtomicBool::new(false));
    let full = Arc::clone(&is_full);
    let engine = Intercepted {
        engine: MemoryEngine::new(),
        commit: move |engine: &MemoryEngine, batch: &[Commit]| {
            if full.load(Ordering::SeqCst) && !batch.iter().all(|commit| commit.may_use_reserve) {
                return Err(EngineError::Full("the disk".to_owned()));
            }
            engine.commit(batch)
        },
    };
    let cloud = Cloud::on(Store::open(engine, RowKeys::throw_away())).and_group();
    let (machine, identity, other) = (cloud.vm("vm1"), cloud.make_identity("id1"), cloud.make_identity("id2"));
    let with = |identity: Value, more: usize| json!({"location": "westus", "identity": identity, "properties": {"userData": "x".repeat(more)}});
    let assigned = json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { &identity: {} }});
    cloud.put(&machine, VM, with(assigned, 0)).expect(201);
    is_full.store(true, Ordering::SeqCst);
    for kind in ["None", "SystemAssigned"] {
        for bytes in [0, 600_000] {
            let body = with(json!({ "type": kind }), bytes);
            cloud.put(&cloud.vm("vm2"), VM, body).expect(503);
        }
        cloud.patch(&machine, VM, with(json!({ "type": kind }), 600_000)).expect(503);
    }
    let swapped =
        |kind: &str| json!({"identity": {"type": kind, "userAssignedIdentities": { &identity: null, &other: {} }}});
    for kind in ["SystemAssigned, UserAssigned", "UserAssigned"] {
        cloud.patch(&machine, VM, swapped(kind)).expect(503);
    }
    cloud.patch(&machine, VM, json!({"identity": {"type": "SystemAssigned"}})).expect(200);
    cloud.patch(&machine, VM, json!({"identity": {"type": "SystemAssigned"}})).expect(503);
    let swapped = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": { &other: {} }}});
    cloud.patch(&machine, VM, swapped).expect(503);
    cloud.patch(&machine, VM, json!({"identity": {"type": "None"}})).expect(200);
    cloud.delete(&machine, VM).expect(200);
}
