//! Management groups are made, changed, moved and deleted, and subscriptions are placed in one. What lies in a group
//! inherits the roles that are held at it, so that each of these needs the right at all the ends that it joins.

use super::{Allowed, Plane, ScopeKey, WrongProof, assignments, chain_of_management_group};
use crate::directory::{
    MANAGEMENT_GROUP_LEVELS_MAX, MANAGEMENT_GROUPS, MANAGEMENT_GROUPS_BELOW, ManagementGroup, SUBSCRIPTIONS,
    SUBSCRIPTIONS_IN_GROUP, Subscription, management_group_named, root_group_of,
};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::limits::{MANAGEMENT_GROUPS_PER_TENANT_MAX, ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX};
use bonafide_types::{ManagementGroupUuid, SubscriptionId, TenantId, World};

/// The action that makes, changes or moves a management group.
pub const WRITE: &str = "Microsoft.Management/managementGroups/write";
/// The action that deletes one.
pub const DELETE: &str = "Microsoft.Management/managementGroups/delete";
/// The action at a group that places a subscription in it.
pub const PLACE: &str = "Microsoft.Management/managementGroups/subscriptions/write";
/// The action at a group that takes a subscription out of it.
pub const TAKE: &str = "Microsoft.Management/managementGroups/subscriptions/delete";
/// The action at a subscription that moves it: a move gives roles in it to others.
/// Source: Microsoft Learn, "Manage your Azure subscriptions at scale with management groups" (moving subscriptions).
pub const MOVE_SUBSCRIPTION: &str = assignments::WRITE;

/// A management group as it is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManagementGroup {
    /// Its name.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The group in which it is to lie.
    pub parent: ManagementGroupUuid,
}

/// The reason why a management group is not as was asked.
#[derive(Debug, thiserror::Error)]
pub enum ManagementGroupError {
    /// It is the root group.
    #[error("the root management group is not changed, moved or deleted")]
    IsRoot,
    /// There is none.
    #[error("there is no such management group")]
    NotFound,
    /// It would lie in itself.
    #[error("a management group cannot lie in itself or in a group below it")]
    InItself,
    /// It would lie too deep, or something below it.
    #[error("management groups have {MANAGEMENT_GROUP_LEVELS_MAX} levels at most below the root group")]
    TooDeep,
    /// Something lies in it.
    #[error("the management group has groups or subscriptions in it")]
    NotEmpty,
    /// The tenant has [`MANAGEMENT_GROUPS_PER_TENANT_MAX`].
    #[error("the tenant has {MANAGEMENT_GROUPS_PER_TENANT_MAX} management groups, the most it can have")]
    TooMany,
    /// A proof of permission is missing.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a management group whose name nobody has. `proofs` have the one that its maker may do [`WRITE`] at the group in which
/// it is to lie.
pub fn create(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    proofs: &[Allowed],
    tenant: TenantId,
    new: NewManagementGroup,
) -> Result<(ManagementGroupUuid, ManagementGroup), ManagementGroupError> {
    confirm(proofs, tenant, ScopeKey::ManagementGroup(new.parent), WRITE)?;
    if level_of(tx, tenant, new.parent)? == MANAGEMENT_GROUP_LEVELS_MAX {
        return Err(ManagementGroupError::TooDeep);
    }
    let others = tx.page(&MANAGEMENT_GROUPS, &tenant, None, MANAGEMENT_GROUPS_PER_TENANT_MAX)?;
    if others.len() == MANAGEMENT_GROUPS_PER_TENANT_MAX {
        return Err(ManagementGroupError::TooMany);
    }
    let uuid = ManagementGroupUuid::random(world.entropy);
    let row = ManagementGroup {
        name: new.name,
        display_name: new.display_name,
        parent: below(tenant, new.parent),
        version: 1,
        updated_at: world.now,
        updated_by: proofs.iter().find_map(Allowed::principal),
    };
    tx.create(&MANAGEMENT_GROUPS, &(tenant, uuid), &row)?;
    Ok((uuid, row))
}

/// Renames a management group for people, and moves it where `parent` is another group. `proofs` have those that the caller may do
/// [`WRITE`] at the group, and for a move at both groups in which it lies and is to lie, the root group left out.
pub fn change(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    proofs: &[Allowed],
    (tenant, uuid): (TenantId, ManagementGroupUuid),
    display_name: Option<String>,
    parent: Option<ManagementGroupUuid>,
) -> Result<ManagementGroup, ManagementGroupError> {
    if uuid == root_group_of(tenant) {
        return Err(ManagementGroupError::IsRoot);
    }
    confirm(proofs, tenant, ScopeKey::ManagementGroup(uuid), WRITE)?;
    let mut row = tx.get(&MANAGEMENT_GROUPS, &(tenant, uuid))?.ok_or(ManagementGroupError::NotFound)?;
    if let Some(parent) = parent.map(|parent| below(tenant, parent)).filter(|parent| *parent != row.parent) {
        for end in [row.parent, parent].into_iter().flatten() {
            confirm(proofs, tenant, ScopeKey::ManagementGroup(end), WRITE)?;
        }
        check_place(tx, tenant, uuid, parent)?;
        row.parent = parent;
    }
    row.display_name = display_name.unwrap_or(row.display_name);
    row.version += 1;
    row.updated_at = world.now;
    row.updated_by = proofs.iter().find_map(Allowed::principal);
    tx.put(&MANAGEMENT_GROUPS, &(tenant, uuid), &row)?;
    Ok(row)
}

/// Deletes a management group in which nothing lies, with the role assignments at it. `proofs` have the one that the caller
/// may do [`DELETE`] at it.
pub fn delete(
    tx: &mut Tx<'_>,
    proofs: &[Allowed],
    (tenant, uuid): (TenantId, ManagementGroupUuid),
) -> Result<(), ManagementGroupError> {
    if uuid == root_group_of(tenant) {
        return Err(ManagementGroupError::IsRoot);
    }
    confirm(proofs, tenant, ScopeKey::ManagementGroup(uuid), DELETE)?;
    let has_groups = !tx.many(&MANAGEMENT_GROUPS_BELOW, &(tenant, uuid), None, 1)?.is_empty();
    if has_groups || !tx.many(&SUBSCRIPTIONS_IN_GROUP, &(tenant, uuid), None, 1)?.is_empty() {
        return Err(ManagementGroupError::NotEmpty);
    }
    let _ =
        assignments::delete_at(tx, tenant, ScopeKey::ManagementGroup(uuid), ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX)?;
    Ok(tx.delete(&MANAGEMENT_GROUPS, &(tenant, uuid))?)
}

/// Moves a subscription to a management group. `proofs` have those that the caller may do [`MOVE_SUBSCRIPTION`] at the subscription,
/// [`WRITE`] at the group in which it lies and [`PLACE`] at the one in which it is to lie, the root group left out of both. One that is there
/// already stays as it is.
pub fn place_subscription(
    tx: &mut Tx<'_>,
    proofs: &[Allowed],
    (id, row): (SubscriptionId, &Subscription),
    group: ManagementGroupUuid,
) -> Result<Subscription, ManagementGroupError> {
    let tenant = row.tenant;
    let to = below(tenant, group);
    confirm(proofs, tenant, ScopeKey::Subscription(id), MOVE_SUBSCRIPTION)?;
    if let Some(to) = to {
        confirm(proofs, tenant, ScopeKey::ManagementGroup(to), PLACE)?;
        if tx.get(&MANAGEMENT_GROUPS, &(tenant, to))?.is_none() {
            return Err(ManagementGroupError::NotFound);
        }
    }
    if to == row.management_group {
        return Ok(row.clone());
    }
    if let Some(from) = row.management_group {
        confirm(proofs, tenant, ScopeKey::ManagementGroup(from), WRITE)?;
    }
    let moved = Subscription { management_group: to, ..row.clone() };
    tx.put(&SUBSCRIPTIONS, &id, &moved)?;
    Ok(moved)
}

/// The name of a management group; of the root group its tenant's id. `None` where there is no such group.
pub fn name_of(tx: &impl Read, tenant: TenantId, uuid: ManagementGroupUuid) -> Result<Option<String>, StoreError> {
    if uuid == root_group_of(tenant) {
        return Ok(Some(tenant.to_string()));
    }
    Ok(tx.get(&MANAGEMENT_GROUPS, &(tenant, uuid))?.map(|row| row.name))
}

/// All groups of a tenant, the root group among them.
pub fn all(tx: &impl Read, tenant: TenantId) -> Result<Vec<ManagementGroupUuid>, StoreError> {
    let rows = tx.page(&MANAGEMENT_GROUPS, &tenant, None, usize::MAX)?;
    Ok(std::iter::once(root_group_of(tenant)).chain(rows.into_iter().map(|((_, uuid), _)| uuid)).collect())
}

/// The group with a name, in any case, that is there.
pub fn named(tx: &impl Read, tenant: TenantId, name: &str) -> Result<Option<ManagementGroupUuid>, StoreError> {
    match management_group_named(tx, tenant, name)? {
        Some(uuid) if uuid != root_group_of(tenant) => Ok(tx.get(&MANAGEMENT_GROUPS, &(tenant, uuid))?.map(|_| uuid)),
        found => Ok(found),
    }
}

/// A group as rows name it, for which the root group is none.
fn below(tenant: TenantId, group: ManagementGroupUuid) -> Option<ManagementGroupUuid> {
    Some(group).filter(|group| *group != root_group_of(tenant))
}

/// The group must not come to lie in itself, nor what lies in it too deep.
fn check_place(
    tx: &impl Read,
    tenant: TenantId,
    uuid: ManagementGroupUuid,
    parent: Option<ManagementGroupUuid>,
) -> Result<(), ManagementGroupError> {
    let above = chain_of_management_group(tx, tenant, parent)?;
    if above.scopes().contains(&ScopeKey::ManagementGroup(uuid)) {
        return Err(ManagementGroupError::InItself);
    }
    let level = level_of(tx, tenant, parent.unwrap_or_else(|| root_group_of(tenant)))?;
    if level + levels_in(tx, tenant, uuid)? > MANAGEMENT_GROUP_LEVELS_MAX {
        return Err(ManagementGroupError::TooDeep);
    }
    Ok(())
}

/// The level of a group that is there: 0 for the root group.
fn level_of(tx: &impl Read, tenant: TenantId, uuid: ManagementGroupUuid) -> Result<usize, ManagementGroupError> {
    let Some(group) = below(tenant, uuid) else { return Ok(0) };
    if tx.get(&MANAGEMENT_GROUPS, &(tenant, group))?.is_none() {
        return Err(ManagementGroupError::NotFound);
    }
    // The root and the root group come before.
    Ok(chain_of_management_group(tx, tenant, Some(group))?.scopes().len() - 2)
}

/// The levels of a group and all that lie in it.
fn levels_in(tx: &impl Read, tenant: TenantId, uuid: ManagementGroupUuid) -> Result<usize, StoreError> {
    let (mut level, mut levels) = (vec![uuid], 0);
    while !level.is_empty() && levels <= MANAGEMENT_GROUP_LEVELS_MAX {
        levels += 1;
        let mut next = Vec::new();
        for group in level {
            next.extend(
                tx.many(&MANAGEMENT_GROUPS_BELOW, &(tenant, group), None, usize::MAX)?.into_iter().map(|key| key.1),
            );
        }
        level = next;
    }
    Ok(levels)
}

fn confirm(proofs: &[Allowed], tenant: TenantId, scope: ScopeKey, action: &str) -> Result<(), WrongProof> {
    let is_proved = proofs.iter().any(|proof| proof.confirm(tenant, scope, action, Plane::Control).is_ok());
    if is_proved { Ok(()) } else { Err(WrongProof) }
}
