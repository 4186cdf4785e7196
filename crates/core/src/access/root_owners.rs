//! The owners of a tenant's root: while there is one, nothing in the tenant is out of everybody's reach.

use super::ScopeKey;
use crate::directory::{PRINCIPALS, PrincipalKind};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, RoleDefinitionId, TenantId};
use uuid::Uuid;

/// The built-in role Owner. Source: Microsoft Learn, "Azure built-in roles".
pub const OWNER: RoleDefinitionId = RoleDefinitionId::new(Uuid::from_u128(0x8e3a_f657_a8ff_443c_a75c_2fe8_c4bc_b635));

/// True for the role at the scope that makes an owner of the root.
pub(super) fn is_ownership(scope: ScopeKey, role: RoleDefinitionId) -> bool {
    scope == ScopeKey::Root && role == OWNER
}

/// True for an owner who counts: an application that exists and is enabled. A managed identity goes with its resource, whose
/// deletion asks for no role at the root.
pub(super) fn counts(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<bool, StoreError> {
    let row = tx.get(&PRINCIPALS, &principal)?;
    Ok(row.is_some_and(|row| row.enabled && row.tenant == tenant && row.kind == PrincipalKind::Application))
}
