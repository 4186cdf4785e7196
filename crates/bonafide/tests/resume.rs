//! Work that a killed process left undone.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::time::Duration;
use support::{Up, eventually};

const GROUPS: &str = "2022-09-01";
const IDENTITIES: &str = "2023-01-31";
/// Enough that their deletion takes several commits, each of which ends on the disk.
const MANY: usize = 240;
const WRITERS: usize = 8;

#[test]
fn tn_08_a_deletion_that_was_accepted_goes_on_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let token = up.operator_token();
    let group = format!("/subscriptions/{}/resourceGroups/many", up.info["subscriptionId"].as_str().unwrap());
    let place = r#"{"location":"westeurope"}"#;
    assert_eq!(up.manage(&token, "PUT", &group, GROUPS, place).status, 201);
    let identity =
        |n: usize| format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/identity-{n}");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (up, token, identity) = (&up, &token, &identity);
            scope.spawn(move || {
                for n in (writer..MANY).step_by(WRITERS) {
                    assert_eq!(up.manage(token, "PUT", &identity(n), IDENTITIES, place).status, 201);
                }
            });
        }
    });
    let state = |up: &Up, token: &str| {
        let read = up.manage(token, "GET", &group, GROUPS, "");
        match read.status {
            404 => "gone".to_owned(),
            200 => read.json()["properties"]["provisioningState"].as_str().unwrap().to_owned(),
            status => panic!("{status}: {}", read.body),
        }
    };
    assert_eq!(state(&up, &token), "Succeeded");
    // It is killed as soon as the deletion can be seen, in the midst of the request that asked for it.
    std::thread::scope(|scope| {
        scope.spawn(|| up.manage(&token, "DELETE", &group, GROUPS, ""));
        eventually(Duration::from_secs(10), "the group is being deleted", || state(&up, &token) != "Succeeded");
        up.kill_now();
    });
    drop(up);
    // On another port it is another issuer.
    let up = Up::start(dir.path(), &[]);
    let token = up.operator_token();
    // An accepted deletion is never forgotten: the group is shown as being deleted until it is gone.
    eventually(Duration::from_secs(20), "the group is gone", || {
        let state = state(&up, &token);
        assert!(state == "Deleting" || state == "gone", "{state}");
        state == "gone"
    });
    for n in [0, MANY - 1] {
        assert_eq!(up.manage(&token, "GET", &identity(n), IDENTITIES, "").status, 404);
    }
    assert_eq!(up.manage(&token, "PUT", &group, GROUPS, place).status, 201, "its name is free again");
}
