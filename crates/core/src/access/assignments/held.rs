//! Role assignments that are there: by name, by scope and by who holds them.

use super::{
    AssignmentKey, BY_CONTENT, BY_CUSTOM_ROLE, BY_NAME, BY_SCOPE, BY_SUBSCRIPTION, ROLE_ASSIGNMENTS, RoleAssignment,
};
use crate::access::scope_key::AnyManagementGroup;
use crate::access::{ScopeKey, root_owners};
use bonafide_store::{Index, Key, Read, StoreError};
use bonafide_types::{ObjectId, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId};
use std::collections::BTreeSet;

/// The assignment of this name.
pub fn by_name(
    tx: &impl Read,
    tenant: TenantId,
    name: RoleAssignmentId,
) -> Result<Option<(AssignmentKey, RoleAssignment)>, StoreError> {
    let Some(key) = tx.find(&BY_NAME, &(tenant, name))? else { return Ok(None) };
    Ok(tx.get(&ROLE_ASSIGNMENTS, &key)?.map(|row| (key, row)))
}

/// True when somebody holds a custom role.
pub(in crate::access) fn any_of(tx: &impl Read, tenant: TenantId, role: RoleDefinitionId) -> Result<bool, StoreError> {
    Ok(!tx.many(&BY_CUSTOM_ROLE, &(tenant, role), None, 1)?.is_empty())
}

/// True when a principal owns the root, and nobody else does who counts.
pub fn is_last_owner(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<bool, StoreError> {
    let mut owners = Vec::new();
    for (key, row) in at(tx, tenant, ScopeKey::Root)? {
        if root_owners::is_ownership(row.scope, row.role) && root_owners::counts(tx, tenant, key.1)? {
            owners.push(key.1);
        }
    }
    Ok(owners == [principal])
}

/// True when a principal owns the root of its tenant.
pub fn owns_root(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<bool, StoreError> {
    let held = of_principal(tx, tenant, principal)?;
    Ok(held.iter().any(|(_, row)| root_owners::is_ownership(row.scope, row.role)))
}

/// The roles that a principal holds at just this scope. Read from the index alone, whose entries have all that grants: the cost
/// does not depend on what is held elsewhere.
pub(in crate::access) fn roles_at(
    tx: &impl Read,
    tenant: TenantId,
    principal: ObjectId,
    scope: ScopeKey,
) -> Result<Vec<RoleDefinitionId>, StoreError> {
    let held = tx.keys_under(&BY_CONTENT, &((tenant, principal), scope), usize::MAX)?;
    Ok(held.into_iter().map(|(_, _, role)| role).collect())
}

/// The management groups at which a principal holds a role, and the root, if it holds one there.
pub fn scopes_above_subscriptions(
    tx: &impl Read,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<BTreeSet<ScopeKey>, StoreError> {
    let at_root = tx.keys_under(&BY_CONTENT, &((tenant, principal), ScopeKey::Root), 1)?;
    let at_groups = tx.keys_under(&BY_CONTENT, &((tenant, principal), AnyManagementGroup), usize::MAX)?;
    Ok(at_root.into_iter().chain(at_groups).map(|(_, scope, _)| scope).collect())
}

/// Roles that a principal holds anywhere, `limit` at most.
pub(in crate::access) fn roles_anywhere(
    tx: &impl Read,
    tenant: TenantId,
    principal: ObjectId,
    limit: usize,
) -> Result<Vec<RoleDefinitionId>, StoreError> {
    let held = tx.keys_under(&BY_CONTENT, &(tenant, principal), limit)?;
    Ok(held.into_iter().map(|(_, _, role)| role).collect())
}

/// All that a principal holds.
pub fn of_principal(
    tx: &impl Read,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<Vec<(AssignmentKey, RoleAssignment)>, StoreError> {
    tx.page(&ROLE_ASSIGNMENTS, &(tenant, principal), None, usize::MAX)
}

/// Those at exactly this scope.
pub fn at(
    tx: &impl Read,
    tenant: TenantId,
    scope: ScopeKey,
) -> Result<Vec<(AssignmentKey, RoleAssignment)>, StoreError> {
    rows(tx, &BY_SCOPE, &(tenant, scope))
}

/// Those at a subscription and at everything in it.
pub fn in_subscription(
    tx: &impl Read,
    tenant: TenantId,
    subscription: SubscriptionId,
) -> Result<Vec<(AssignmentKey, RoleAssignment)>, StoreError> {
    rows(tx, &BY_SUBSCRIPTION, &(tenant, subscription))
}

fn rows<K: Key>(
    tx: &impl Read,
    index: &Index<K, AssignmentKey>,
    key: &K,
) -> Result<Vec<(AssignmentKey, RoleAssignment)>, StoreError> {
    let mut rows = Vec::new();
    for key in tx.many(index, key, None, usize::MAX)? {
        if let Some(row) = tx.get(&ROLE_ASSIGNMENTS, &key)? {
            rows.push((key, row));
        }
    }
    Ok(rows)
}
