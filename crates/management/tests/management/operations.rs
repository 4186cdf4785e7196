//! Polling.

use crate::cloud::{ARM, Cloud, Person, VM};
use bonafide_core::directory::PRINCIPALS;
use bonafide_management::operations::advance_all;
use bonafide_store::Intercepted;
use bonafide_store::engine::{Commit, Engine};
use bonafide_store::{EngineError, MemoryEngine, Read, Store};
use http::Method;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn path(url: &str) -> String {
    url.strip_prefix("https://localhost:8443").unwrap().to_owned()
}

#[test]
fn an_operation_is_polled_until_it_has_succeeded() {
    let cloud = Cloud::with_group();
    let body = json!({"location": "westus", "properties": {}});
    for (answer, final_status) in [
        (cloud.put(&cloud.vm("vm1"), VM, body.clone()).expect(201), 200),
        (cloud.put(&cloud.vm("vm1"), VM, body).expect(200), 200),
        (cloud.patch(&cloud.vm("vm1"), VM, json!({})).expect(200), 200),
        (cloud.delete(&cloud.vm("vm1"), VM).expect(202), 200),
    ] {
        assert_eq!(answer.header("retry-after"), "1");
        let poll = cloud.get(&path(answer.header("azure-asyncoperation")), "").expect(final_status);
        assert_eq!(poll.body["status"], "Succeeded");
        assert!(poll.body["startTime"].as_str().unwrap().ends_with("+00:00"));
        assert!(poll.body["endTime"].is_string() && poll.body["name"].is_string());
        assert_eq!(poll.header("retry-after"), "1");
        if answer.status == 202 {
            cloud.get(&path(answer.header("location")), "").expect(200);
        }
    }
}

#[test]
fn tn_08_a_deletion_that_was_accepted_goes_on_wherever_a_crash_left_it() {
    const IDENTITIES: usize = 230;
    let mut crashes = 0;
    loop {
        let (commits, allowed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(usize::MAX)));
        let (count, limit) = (Arc::clone(&commits), Arc::clone(&allowed));
        let store = Store::open(Intercepted {
            engine: MemoryEngine::new(),
            commit: move |engine: &MemoryEngine, batch: &[Commit]| {
                if count.fetch_add(1, Ordering::SeqCst) >= limit.load(Ordering::SeqCst) {
                    return Err(EngineError::Full("the process is gone".to_owned()));
                }
                engine.commit(batch)
            },
        });
        let cloud = Cloud::on(store).and_group();
        let principals = || cloud.store.read(|tx| tx.page(&PRINCIPALS, &(), None, usize::MAX)).unwrap().len();
        let before = principals();
        (0..IDENTITIES).for_each(|n| drop(cloud.make_identity(&format!("id-{n}"))));
        assert_eq!(principals(), before + IDENTITIES);
        // The deletion is accepted in its first commit; then so many of its steps are taken.
        allowed.store(commits.load(Ordering::SeqCst) + 1 + crashes, Ordering::SeqCst);
        let url = path(cloud.delete(&cloud.at("g"), ARM).expect(202).header("location"));
        let crashed = commits.load(Ordering::SeqCst) > allowed.load(Ordering::SeqCst);
        if crashed {
            assert_eq!(cloud.get(&cloud.at("g"), ARM).expect(200).body["properties"]["provisioningState"], "Deleting");
        }
        allowed.store(usize::MAX, Ordering::SeqCst);
        advance_all(&cloud.store, &cloud.world()).unwrap();
        cloud.get(&cloud.at("g"), ARM).refused(404, "ResourceGroupNotFound");
        cloud.get(&url, "").expect(200);
        assert_eq!(principals(), before, "after {crashes} steps");
        if !crashed {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 4, "the deletion takes {crashes} steps, too few to be cut short");
}

#[test]
fn an_operation_is_polled_by_who_started_it() {
    let cloud = Cloud::with_group();
    let contributor = cloud.person(cloud.tenant, &[]);
    cloud.grant(&contributor, "Virtual Machine Contributor", &cloud.at("g"));
    let body = json!({"location": "westus", "properties": {}});
    let answer = cloud.call(&contributor, Method::PUT, &cloud.vm("vm1"), VM, Some(body)).expect(201);
    let url = path(answer.header("azure-asyncoperation"));
    let poll = |who: &Person| cloud.call(who, Method::GET, &url, "", None);
    poll(&contributor).expect(200);
    poll(&cloud.owner).expect(200);
    poll(&cloud.person(cloud.tenant, &[])).refused(403, "AuthorizationFailed");
    let other = cloud.person(cloud.tenant, &[]);
    cloud.grant(&other, "Virtual Machine Contributor", &cloud.at("g"));
    poll(&other).refused(403, "AuthorizationFailed");
    poll(&cloud.other_owner).refused(401, "InvalidAuthenticationTokenTenant");
    let unknown = url.replace(
        url.split('/').next_back().unwrap().split('?').next().unwrap(),
        "00000000-0000-0000-0000-000000000001",
    );
    cloud.get(&unknown, "").refused(404, "OperationNotFound");
    cloud.call(&contributor, Method::GET, &unknown, "", None).refused(403, "AuthorizationFailed");
}
