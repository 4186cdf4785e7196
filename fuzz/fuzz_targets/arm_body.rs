//! Bodies of writes to the resource manager, identity blocks and role assignments among them. The first letter chooses the
//! resource, the second the method.
#![no_main]

use bonafide_fuzz::{in_a_world, manage};
use http::Method;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const GROUP: &str = "/resourceGroups/g";
const PATHS: [&str; 10] = [
    "/resourceGroups/h?api-version=2021-04-01",
    "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m?api-version=2024-07-01",
    "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u?api-version=2023-01-31",
    "/resourceGroups/g/providers/Microsoft.Web/sites/s?api-version=2023-12-01",
    "/resourceGroups/g/providers/Microsoft.Web/sites/s/config/appsettings?api-version=2023-12-01",
    "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m/extensions/e?api-version=2024-07-01",
    "/providers/Microsoft.Authorization/roleAssignments/6ba7b810-9dad-41d1-80b4-00c04fd430c8?api-version=2022-04-01",
    "/providers/Microsoft.Authorization/roleDefinitions/6ba7b811-9dad-41d1-80b4-00c04fd430c8?api-version=2022-04-01",
    "/providers/Microsoft.Authorization/locks/l?api-version=2016-09-01",
    "/resourceGroups/g/providers/Microsoft.Nobody/describes/it?api-version=2020-01-01",
];
const ASSIGNMENT: usize = 6;

fuzz_target!(|data: &[u8]| {
    let [which, how, body @ ..] = data else { return };
    let which = usize::from(*which) % PATHS.len();
    let method = if how % 2 == 0 { Method::PUT } else { Method::PATCH };
    in_a_world(|world| {
        let root = world.cloud.home.root();
        let scope = if PATHS[which].starts_with(GROUP) { root } else { format!("{root}{GROUP}") };
        let scope = if which == 0 { world.cloud.home.root() } else { scope };
        let target = format!("{scope}{}", PATHS[which]);
        let written = manage(world, method, &target, body.to_vec());
        if written.status.is_success() {
            let read: Value = serde_json::from_slice(body).expect("a body that was taken is JSON");
            assert!(which != ASSIGNMENT || !names_condition(&read), "a grant was taken without its condition");
            manage(world, Method::GET, &target, "");
            manage(world, Method::DELETE, &target, "");
        }
    });
});

/// Tells whether a member of this name, in any case, has a value.
fn names_condition(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("condition") && !value.is_null() || names_condition(value)),
        Value::Array(elements) => elements.iter().any(names_condition),
        _ => false,
    }
}
