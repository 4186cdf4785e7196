//! `{scope}/providers/Microsoft.Authorization/permissions`: what the caller itself may do at a scope.

use super::{role_assignments, role_definitions};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::resource_type::{ListRight, Own, ResourceType, Rows};
use bonafide_store::ReadTx;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Everybody may know its own permissions; a caller without a role near the scope learns nothing of it.
pub(crate) static PERMISSIONS: ResourceType = ResourceType {
    name: "Microsoft.Authorization/permissions",
    rows: Rows::Own(&Own { list: Some((ListRight::Near, list)), ..Own::NOTHING }),
    ..ResourceType::PLAIN
};

/// Lists the permissions of the roles that the caller holds at the scope or above it, each role once.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    role_assignments::check_scope(access, call.own()?.0)?;
    let (chain, mut seen) = (&access.place.chain, BTreeSet::new());
    let mut value: Vec<Value> = Vec::new();
    for scope in chain.scopes() {
        for role in access.grants.roles_at(tx, *scope)?.iter().filter(|role| seen.insert(**role)) {
            value.extend(access.grants.permissions(tx, *role, chain)?.iter().map(role_definitions::permission));
        }
    }
    Ok(Outcome::shown(json!({ "value": value })))
}
