//! User-assigned identities beside workload `demo`.

use super::{IDENTITIES, Up};

pub(crate) fn identity_id(up: &Up, name: &str) -> String {
    let type_and_name = format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
    up.demo().replace("Microsoft.Compute/virtualMachines/demo", &type_and_name)
}

pub(crate) fn exists(up: &Up, name: &str) -> bool {
    let answer = up.manage(&up.operator_token(), "GET", &identity_id(up, name), IDENTITIES, "");
    assert!([200, 404].contains(&answer.status), "{}", answer.body);
    answer.status == 200
}

pub(crate) fn delete(up: &Up, id: &str) {
    let deleted = up.manage(&up.operator_token(), "DELETE", id, IDENTITIES, "");
    assert_eq!(deleted.status, 200, "{}", deleted.body);
}
