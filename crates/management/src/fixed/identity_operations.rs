//! `/providers/Microsoft.ManagedIdentity/operations`.

use super::Fixed;
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::right::Right;
use bonafide_store::ReadTx;
use serde_json::{Value, json};

pub(super) static ENDPOINTS: &[Fixed] =
    &[Fixed::get("/providers/Microsoft.ManagedIdentity/operations", |_| Right::SignedIn, list)];

/// Resource, operation, name and description of each operation served here.
const OPERATIONS: [(&str, &str, &str, &str); 8] = [
    (
        "System Assigned Identities",
        "Get System Assigned Identity",
        "identities/read",
        "Reads the system-assigned identity of a resource",
    ),
    (
        "Managed Identity operations",
        "List Managed Identity operations",
        "operations/read",
        "Lists what can be done with managed identities",
    ),
    (
        "Managed Identity Resource Provider",
        "Registers the Managed Identity Resource Provider",
        "register/action",
        "Registers a subscription for managed identities",
    ),
    (
        "User Assigned Identities",
        "Assign User Assigned Identity",
        "userAssignedIdentities/assign/action",
        "Assigns a user-assigned identity to a resource",
    ),
    (
        "User Assigned Identities",
        "Delete User Assigned Identity",
        "userAssignedIdentities/delete",
        "Deletes a user-assigned identity",
    ),
    (
        "User Assigned Identities",
        "List associated resources for User Assigned Identity",
        "userAssignedIdentities/listAssociatedResources/action",
        "Lists the resources that have a user-assigned identity",
    ),
    (
        "User Assigned Identities",
        "Get User Assigned Identity",
        "userAssignedIdentities/read",
        "Reads a user-assigned identity",
    ),
    (
        "User Assigned Identities",
        "Create/Update User Assigned Identity",
        "userAssignedIdentities/write",
        "Creates a user-assigned identity or changes its tags",
    ),
];

/// Lists the operations.
fn list(_tx: &ReadTx<'_>, _call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let value: Vec<Value> = OPERATIONS
        .iter()
        .map(|(resource, operation, name, description)| {
            json!({
                "name": format!("Microsoft.ManagedIdentity/{name}"),
                "display": {
                    "provider": "Microsoft Managed Identity",
                    "resource": resource,
                    "operation": operation,
                    "description": description,
                },
            })
        })
        .collect();
    Ok(Outcome::shown(json!({ "value": value })))
}
