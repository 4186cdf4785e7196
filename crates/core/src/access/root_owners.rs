//! The owners of a tenant's root: while there is one, nothing in the tenant is out of everybody's reach.

use super::ScopeKey;
use super::assignments::{self, AssignmentKey, RoleAssignment};
use crate::directory::{PRINCIPALS, PrincipalKind};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, RoleDefinitionId, TenantId};
use uuid::Uuid;

/// The built-in role Owner. Source: Microsoft Learn, "Azure built-in roles".
pub const OWNER: RoleDefinitionId = RoleDefinitionId::new(Uuid::from_u128(0x8e3a_f657_a8ff_443c_a75c_2fe8_c4bc_b635));

/// True when a principal owns the root, and nobody else does who counts. Only an application counts that exists and is enabled: a
/// managed identity goes with its resource, whose deletion asks for no role at the root.
pub fn is_last(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<bool, StoreError> {
    let mut owners = Vec::new();
    for (key, row) in assignments::at(tx, tenant, ScopeKey::Root)? {
        if row.role == OWNER && counts(tx, tenant, key.1)? {
            owners.push(key.1);
        }
    }
    Ok(owners == [principal])
}

/// True when a role assignment makes the last owner of the root one.
pub(super) fn makes_last(tx: &impl Read, key: &AssignmentKey, row: &RoleAssignment) -> Result<bool, StoreError> {
    Ok(row.scope == ScopeKey::Root && row.role == OWNER && is_last(tx, key.0, key.1)?)
}

/// True when a principal owns the root of its tenant.
pub fn owns_root(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<bool, StoreError> {
    let held = assignments::of_principal(tx, tenant, principal)?;
    Ok(held.iter().any(|(_, row)| row.scope == ScopeKey::Root && row.role == OWNER))
}

fn counts(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<bool, StoreError> {
    let row = tx.get(&PRINCIPALS, &principal)?;
    Ok(row.is_some_and(|row| row.enabled && row.tenant == tenant && row.kind == PrincipalKind::Application))
}
