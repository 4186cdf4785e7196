//! Making and deleting role assignments.

use super::{
    AssignmentError, AssignmentKey, BY_CONTENT, BY_SCOPE, BY_SUBSCRIPTION, DELETE, NewAssignment, ROLE_ASSIGNMENTS,
    RoleAssignment, WRITE, by_name, is_last_owner,
};
use crate::access::{Allowed, CUSTOM_ROLES, Chain, Plane, ScopeKey, roles, root_owners};
use crate::directory::PRINCIPALS;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::limits::{ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX, ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX};
use bonafide_types::{RoleDefinitionId, TenantId, World};

/// Makes a role assignment at the scope of `chain`. The same again, under the same name, only changes
/// the description. `allowed` is the proof that its maker may do [`WRITE`] there.
pub fn create(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    chain: &Chain,
    new: &NewAssignment,
) -> Result<(AssignmentKey, RoleAssignment), AssignmentError> {
    allowed.confirm(chain.tenant(), chain.scope(), WRITE, Plane::Control)?;
    let by = allowed.principal();
    let (tenant, scope) = (chain.tenant(), chain.scope());
    let key = (tenant, new.principal, new.name);
    if let Some((found, mut row)) = by_name(tx, tenant, new.name)? {
        if found != key || row.scope != scope || row.role != new.role {
            return Err(AssignmentError::UpdateNotPermitted);
        }
        row.description = new.description.clone();
        (row.updated_at, row.updated_by, row.mark) = (world.now, by, Some(world.entropy.guid()));
        tx.put(&ROLE_ASSIGNMENTS, &key, &row)?;
        return Ok((key, row));
    }
    if let Some((_, _, other)) = tx.find(&BY_CONTENT, &((tenant, new.principal), scope, new.role))? {
        return Err(AssignmentError::Exists(other));
    }
    check_role(tx, chain, new.role)?;
    if tx.get(&PRINCIPALS, &new.principal)?.is_none_or(|principal| principal.tenant != tenant) {
        return Err(AssignmentError::PrincipalNotFound(new.principal, tenant));
    }
    let subscription = chain.subscription();
    if let Some(subscription) = subscription {
        let max = ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX;
        if tx.many(&BY_SUBSCRIPTION, &(tenant, subscription), None, max)?.len() == max {
            return Err(AssignmentError::TooMany);
        }
    }
    if let ScopeKey::ManagementGroup(_) = scope {
        let max = ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX;
        if tx.many(&BY_SCOPE, &(tenant, scope), None, max)?.len() == max {
            return Err(AssignmentError::TooManyAtGroup);
        }
    }
    let row = RoleAssignment {
        scope,
        subscription,
        role: new.role,
        description: new.description.clone(),
        created_at: world.now,
        created_by: by,
        updated_at: world.now,
        updated_by: by,
        mark: Some(world.entropy.guid()),
    };
    tx.put(&ROLE_ASSIGNMENTS, &key, &row)?;
    Ok((key, row))
}

/// There must be such a role, in the tenant where it is a custom one, and it must be assignable at the scope.
fn check_role(tx: &impl Read, chain: &Chain, id: RoleDefinitionId) -> Result<(), AssignmentError> {
    if roles::by_id(id).is_some() {
        return Ok(());
    }
    let role = tx.get(&CUSTOM_ROLES, &(chain.tenant(), id))?.ok_or(AssignmentError::RoleNotFound(id))?;
    let has_data_actions = role.permissions.iter().any(|permission| !permission.data_actions.is_empty());
    if has_data_actions && matches!(chain.scope(), ScopeKey::ManagementGroup(_)) {
        return Err(AssignmentError::DataActionsAtGroup(id));
    }
    if role.is_assignable_at(chain) { Ok(()) } else { Err(AssignmentError::NotAssignable(id)) }
}

/// Deletes a role assignment, unless the tenant's root would be without an owner. `allowed` is the proof that the caller may
/// do [`DELETE`] at its scope.
pub fn delete(tx: &mut Tx<'_>, allowed: &Allowed, key: &AssignmentKey) -> Result<(), AssignmentError> {
    let Some(row) = tx.get(&ROLE_ASSIGNMENTS, key)? else { return Ok(()) };
    allowed.confirm(key.0, row.scope, DELETE, Plane::Control)?;
    if root_owners::is_ownership(row.scope, row.role) && is_last_owner(tx, key.0, key.1)? {
        return Err(AssignmentError::LastOwner);
    }
    Ok(tx.delete(&ROLE_ASSIGNMENTS, key)?)
}

/// Deletes at most `limit` of the role assignments at a scope that is itself being deleted, and says how
/// many: fewer than `limit` means that none is left.
pub fn delete_at(tx: &mut Tx<'_>, tenant: TenantId, scope: ScopeKey, limit: usize) -> Result<usize, StoreError> {
    let keys = tx.many(&BY_SCOPE, &(tenant, scope), None, limit)?;
    for key in &keys {
        tx.delete(&ROLE_ASSIGNMENTS, key)?;
    }
    Ok(keys.len())
}
