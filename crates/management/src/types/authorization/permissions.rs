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
fn list(_tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    role_assignments::check_scope(access, call.own()?.0)?;
    let held = access.grants.roles();
    let here = |at| held.iter().filter(move |(held_at, _)| *held_at == at).map(|(_, role)| *role);
    let chain = &access.place.chain;
    let mut seen = BTreeSet::new();
    let roles = chain.scopes().iter().flat_map(|at| here(*at)).filter(|role| seen.insert(*role));
    let value: Vec<Value> =
        roles.flat_map(|role| access.grants.permissions(role, chain)).map(role_definitions::permission).collect();
    Ok(Outcome::shown(json!({ "value": value })))
}
