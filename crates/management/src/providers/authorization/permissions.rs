//! `{scope}/providers/Microsoft.Authorization/permissions`: what the caller itself may do at a scope.

use super::{role_assignments, role_definitions};
use crate::fault::Fault;
use crate::pipeline::access::Access;
use bonafide_core::access::roles;
use bonafide_types::Scope;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Lists the permissions of the roles that the caller holds at the scope or above it, each role once.
pub(crate) fn list(access: &Access, scope: &Scope) -> Result<Reply, Fault> {
    role_assignments::check_scope(access, scope)?;
    let held = access.grants.roles();
    let here = |at| held.iter().filter(move |(held_at, _)| *held_at == at).map(|(_, role)| *role);
    let mut seen = BTreeSet::new();
    let roles = access.place.chain.scopes().iter().flat_map(|at| here(*at)).filter(|role| seen.insert(*role));
    let value: Vec<Value> =
        roles.filter_map(roles::by_id).flat_map(|role| &role.permissions).map(role_definitions::permission).collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "value": value })))
}
