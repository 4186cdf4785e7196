//! Role definitions are written: custom roles are made, changed and deleted, with the right at every scope that
//! this reaches.

use super::custom_roles::{Assignable, CUSTOM_ROLES, CustomRole, RoleKey, by_name, is_full};
use super::{Allowed, Permission, Plane, ScopeKey, WrongProof, assignments, roles};
use crate::directory::{MANAGEMENT_GROUPS, RESOURCES};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::limits::CUSTOM_ROLES_PER_TENANT_MAX;
use bonafide_types::{RoleDefinitionId, TenantId, World};

/// The action that makes or changes a role definition.
pub const WRITE: &str = "Microsoft.Authorization/roleDefinitions/write";
/// The action that deletes one.
pub const DELETE: &str = "Microsoft.Authorization/roleDefinitions/delete";

/// A custom role as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole {
    /// Its display name.
    pub name: String,
    /// Free-text description.
    pub description: String,
    /// Its permissions.
    pub permissions: Vec<Permission>,
    /// The scopes at which it can be assigned.
    pub assignable: Vec<Assignable>,
}

/// The reason why a custom role was not written or deleted.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The id is that of a built-in role.
    #[error("the role definition {0} is built in")]
    BuiltIn(RoleDefinitionId),
    /// The tenant has another role of this name, or a built-in role has it.
    #[error("there is another role definition of this name")]
    NameTaken,
    /// The role can be assigned nowhere.
    #[error("a custom role has at least one assignable scope, and the root is none")]
    NotAssignable,
    /// The role could be assigned at several management groups.
    /// Source: Microsoft Learn, "Azure custom roles" (custom role limits).
    #[error("a custom role has one management group at most among its assignable scopes")]
    SeveralGroups,
    /// Somebody holds the role.
    #[error("there are role assignments of the role definition {0}")]
    HasAssignments(RoleDefinitionId),
    /// The tenant has [`CUSTOM_ROLES_PER_TENANT_MAX`] custom roles.
    #[error("the tenant has {CUSTOM_ROLES_PER_TENANT_MAX} custom roles, the most it can have")]
    TooMany,
    /// A proof of permission is missing.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a custom role, or replaces what it says. `proofs` are those that the writer may do [`WRITE`] at each
/// of its assignable scopes: those that it is to have, and of those that it has, the ones that still exist.
/// Without the second, whoever owns one scope could change what the role grants in all others.
pub fn write(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    proofs: &[Allowed],
    key: RoleKey,
    new: NewRole,
) -> Result<CustomRole, RoleError> {
    let (tenant, id) = key;
    if roles::by_id(id).is_some() {
        return Err(RoleError::BuiltIn(id));
    }
    if new.assignable.is_empty() || new.assignable.iter().any(|assignable| assignable.scope == ScopeKey::Root) {
        return Err(RoleError::NotAssignable);
    }
    let is_group = |assignable: &&Assignable| matches!(assignable.scope, ScopeKey::ManagementGroup(_));
    if new.assignable.iter().filter(is_group).count() > 1 {
        return Err(RoleError::SeveralGroups);
    }
    let old = tx.get(&CUSTOM_ROLES, &key)?;
    check_proofs(tenant, proofs, &new.assignable, WRITE)?;
    if let Some(old) = &old {
        check_proofs(tenant, proofs, &existing(tx, tenant, old)?, WRITE)?;
    }
    let is_taken = by_name(tx, tenant, &new.name)?.is_some_and(|(other, _)| other != id);
    if is_taken || roles::by_name(&new.name).is_some() {
        return Err(RoleError::NameTaken);
    }
    if old.is_none() && is_full(tx, tenant)? {
        return Err(RoleError::TooMany);
    }
    let by = proofs.iter().find_map(Allowed::principal);
    let (created_at, created_by) = old.map_or((world.now, by), |old| (old.created_at, old.created_by));
    let NewRole { name, description, permissions, assignable } = new;
    let role = CustomRole {
        name,
        description,
        permissions,
        assignable,
        created_at,
        created_by,
        updated_at: world.now,
        updated_by: by,
        mark: Some(world.entropy.guid()),
    };
    tx.put(&CUSTOM_ROLES, &key, &role)?;
    Ok(role)
}

/// Deletes a custom role that nobody holds. `proofs` are those that the caller may do [`DELETE`] at each of its
/// assignable scopes that still exist. The role as it was, or `None` when there is none.
pub fn delete(tx: &mut Tx<'_>, proofs: &[Allowed], key: RoleKey) -> Result<Option<CustomRole>, RoleError> {
    if roles::by_id(key.1).is_some() {
        return Err(RoleError::BuiltIn(key.1));
    }
    let Some(role) = tx.get(&CUSTOM_ROLES, &key)? else { return Ok(None) };
    check_proofs(key.0, proofs, &existing(tx, key.0, &role)?, DELETE)?;
    // Principals can be gone and their assignments stay: those hold the role as well.
    if assignments::any_of(tx, key.0, key.1)? {
        return Err(RoleError::HasAssignments(key.1));
    }
    tx.delete(&CUSTOM_ROLES, &key)?;
    Ok(Some(role))
}

/// The assignable scopes that still exist. One that is gone is never a scope again, so nobody needs a right
/// there.
pub fn existing(tx: &impl Read, tenant: TenantId, role: &CustomRole) -> Result<Vec<Assignable>, StoreError> {
    let mut found = Vec::new();
    for assignable in &role.assignable {
        let is_there = match assignable.scope {
            ScopeKey::Root | ScopeKey::Subscription(_) => true,
            ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => tx.get(&RESOURCES, &uuid)?.is_some(),
            ScopeKey::ManagementGroup(_) if assignable.scope == ScopeKey::root_group(tenant) => true,
            ScopeKey::ManagementGroup(uuid) => tx.get(&MANAGEMENT_GROUPS, &(tenant, uuid))?.is_some(),
        };
        if is_there {
            found.push(assignable.clone());
        }
    }
    Ok(found)
}

fn check_proofs(tenant: TenantId, proofs: &[Allowed], scopes: &[Assignable], action: &str) -> Result<(), WrongProof> {
    let is_proved = |scope| proofs.iter().any(|proof| proof.confirm(tenant, scope, action, Plane::Control).is_ok());
    if scopes.iter().all(|assignable| is_proved(assignable.scope)) { Ok(()) } else { Err(WrongProof) }
}
