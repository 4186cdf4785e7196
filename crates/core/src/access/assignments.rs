//! Role assignments: which principal holds which role where.

use super::scope_key::AnyManagementGroup;
use super::{Allowed, CUSTOM_ROLES, Chain, Plane, ScopeKey, WrongProof, roles, root_owners};
use crate::directory::PRINCIPALS;
use bonafide_store::{Absence, Index, Key, Read, StoreError, Table, Tx, Unique};
use bonafide_types::limits::{ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX, ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX};
use bonafide_types::{ObjectId, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId, Timestamp, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A role assignment; its tenant, principal and name are its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// The scope at which the role is held.
    pub scope: ScopeKey,
    /// The subscription that the scope lies in or is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionId>,
    /// The role.
    pub role: RoleDefinitionId,
    /// Free-text description given by the creator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The principal that made it; `None` for those of the first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<ObjectId>,
    /// The time of the last write.
    pub updated_at: Timestamp,
    /// The principal that last wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<ObjectId>,
    /// A random value of its last write, from which its ETag is made; rows of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Uuid>,
}

/// The key of a role assignment: all that one principal holds in its tenant is one range.
pub type AssignmentKey = (TenantId, ObjectId, RoleAssignmentId);

/// Role assignments. They outlive their principal, as on Azure: an object id is never given twice, so
/// they then grant nothing. They go with the resource or group that they are about.
pub const ROLE_ASSIGNMENTS: Table<AssignmentKey, RoleAssignment> =
    Table::indexed("role-assignment", Absence::Withholds, |key, row, entries| {
        entries.unique(&BY_NAME, &(key.0, key.2));
        entries.unique(&BY_CONTENT, &((key.0, key.1), row.scope, row.role));
        entries.many(&BY_SCOPE, &(key.0, row.scope));
        if let Some(subscription) = row.subscription {
            entries.many(&BY_SUBSCRIPTION, &(key.0, subscription));
        }
        if roles::by_id(row.role).is_none() {
            entries.many(&BY_CUSTOM_ROLE, &(key.0, row.role));
        }
    });

/// By name, which is unique in a tenant.
const BY_NAME: Unique<(TenantId, RoleAssignmentId), AssignmentKey> = Unique::new("role-assignment-by-name");
/// By principal, scope and role: one role is held at one scope once.
const BY_CONTENT: Unique<((TenantId, ObjectId), ScopeKey, RoleDefinitionId), AssignmentKey> =
    Unique::new("role-assignment-by-content");
/// By scope.
const BY_SCOPE: Index<(TenantId, ScopeKey), AssignmentKey> = Index::new("role-assignment-by-scope");
/// By subscription.
const BY_SUBSCRIPTION: Index<(TenantId, SubscriptionId), AssignmentKey> = Index::new("role-assignment-by-subscription");
/// By custom role. Assignments of built-in roles have no entry, as those that were stored before this index.
const BY_CUSTOM_ROLE: Index<(TenantId, RoleDefinitionId), AssignmentKey> = Index::new("role-assignment-by-custom-role");

/// The action that makes a role assignment.
pub const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";
/// The action that deletes one.
pub const DELETE: &str = "Microsoft.Authorization/roleAssignments/delete";

/// A role assignment to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAssignment {
    /// Its name.
    pub name: RoleAssignmentId,
    /// The principal that is to hold the role.
    pub principal: ObjectId,
    /// The role.
    pub role: RoleDefinitionId,
    /// Free-text description given by the creator.
    pub description: Option<String>,
}

/// The reason why a role assignment was not made.
#[derive(Debug, thiserror::Error)]
pub enum AssignmentError {
    /// The principal holds the role at the scope already, under another name.
    #[error("the role assignment exists already, as {0}")]
    Exists(RoleAssignmentId),
    /// There is an assignment of this name, and it is about something else.
    #[error("a role assignment's principal, role and scope cannot be changed")]
    UpdateNotPermitted,
    /// The tenant has no such principal.
    #[error("the principal {0} does not exist in the tenant {1}")]
    PrincipalNotFound(ObjectId, TenantId),
    /// There is no such role.
    #[error("the role definition {0} does not exist")]
    RoleNotFound(RoleDefinitionId),
    /// The role is a custom one that cannot be assigned at the scope.
    #[error("the role definition {0} cannot be assigned at the scope")]
    NotAssignable(RoleDefinitionId),
    /// The role is a custom one with data actions, and the scope is a management group.
    /// Source: Microsoft Learn, "Azure custom roles" (custom role limits).
    #[error("the role definition {0} has data actions and cannot be assigned at a management group")]
    DataActionsAtGroup(RoleDefinitionId),
    /// The subscription has [`ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX`] assignments.
    #[error("the subscription has {ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX} role assignments, the most it can have")]
    TooMany,
    /// The management group has [`ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX`] assignments.
    #[error(
        "the management group has {ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX} role assignments, the most it can have"
    )]
    TooManyAtGroup,
    /// It makes the last owner of the root one.
    #[error("it makes the last owner of the root one")]
    LastOwner,
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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
pub(super) fn any_of(tx: &impl Read, tenant: TenantId, role: RoleDefinitionId) -> Result<bool, StoreError> {
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
pub(super) fn roles_at(
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
pub(super) fn roles_anywhere(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Grants, Plane, check};
    use crate::directory::create_application;
    use bonafide_store::Store;
    use bonafide_types::{Entropy, ResourceUuid};
    use std::sync::atomic::{AtomicU8, Ordering};
    use uuid::Uuid;

    struct Counter(AtomicU8);

    impl Entropy for Counter {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    const TENANT: TenantId = TenantId::new(Uuid::from_u128(1));

    fn chain() -> Chain {
        Chain::root(TENANT)
            .then(ScopeKey::Subscription(SubscriptionId::new(Uuid::from_u128(2))))
            .then(ScopeKey::Group(ResourceUuid::new(Uuid::from_u128(3))))
    }

    fn system() -> Allowed {
        Allowed::system(TENANT)
    }

    fn with_principal(test: impl Fn(&mut Tx<'_>, &World<'_>, NewAssignment)) {
        let store = Store::in_memory();
        let entropy = Counter(AtomicU8::new(10));
        let world = World { now: Timestamp::from_unix_seconds(1_800_000_000), entropy: &entropy };
        store
            .write(|tx| {
                let (principal, _) = create_application(tx, &world, TENANT, "app")?;
                let name = RoleAssignmentId::random(&entropy);
                let role = roles::by_name("Reader").unwrap().id;
                test(tx, &world, NewAssignment { name, principal, role, description: None });
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    #[test]
    fn a_role_assignment_grants_from_the_transaction_on_that_makes_it() {
        with_principal(|tx, world, new| {
            let read = "Microsoft.Compute/virtualMachines/read";
            let allowed = |tx: &Tx<'_>| {
                let grants = Grants::new(TENANT, new.principal);
                check(tx, &grants, &chain(), read, Plane::Control).unwrap().is_ok()
            };
            assert!(!allowed(tx));
            let (key, row) = create(tx, world, &system(), &chain(), &new).unwrap();
            assert!(allowed(tx));
            assert_eq!(by_name(tx, TENANT, new.name).unwrap(), Some((key, row)));
            assert_eq!(delete_at(tx, TENANT, chain().scope(), 2).unwrap(), 1);
            assert!(!allowed(tx));
        });
    }

    #[test]
    fn a_proof_for_something_else_neither_makes_nor_deletes_a_role_assignment() {
        with_principal(|tx, world, new| {
            let owner = roles::by_name("Owner").unwrap().id;
            let grants = Grants::known(TENANT, new.principal, [(ScopeKey::Root, owner)]);
            let proof = |tx: &Tx<'_>, chain: &Chain, action| {
                check(tx, &grants, chain, action, Plane::Control).unwrap().unwrap()
            };
            let root = Chain::root(TENANT);
            for (chain_of_proof, action) in [(&root, WRITE), (&chain(), DELETE), (&chain(), "Microsoft.X/y/write")] {
                let error = create(tx, world, &proof(tx, chain_of_proof, action), &chain(), &new).unwrap_err();
                assert!(matches!(error, AssignmentError::WrongProof(_)), "{error}");
            }
            let (key, _) = create(tx, world, &proof(tx, &chain(), WRITE), &chain(), &new).unwrap();
            for (chain_of_proof, action) in [(&root, DELETE), (&chain(), WRITE)] {
                let error = delete(tx, &proof(tx, chain_of_proof, action), &key).unwrap_err();
                assert!(matches!(error, AssignmentError::WrongProof(_)), "{error}");
            }
            delete(tx, &proof(tx, &chain(), DELETE), &key).unwrap();
            assert_eq!(by_name(tx, TENANT, new.name).unwrap(), None);
        });
    }

    #[test]
    fn one_role_is_held_at_one_scope_once() {
        with_principal(|tx, world, new| {
            create(tx, world, &system(), &chain(), &new).unwrap();
            let described = NewAssignment { description: Some("why".to_owned()), ..new.clone() };
            assert_eq!(
                create(tx, world, &system(), &chain(), &described).unwrap().1.description,
                described.description
            );
            let other_name = NewAssignment { name: RoleAssignmentId::random(world.entropy), ..new.clone() };
            let error = create(tx, world, &system(), &chain(), &other_name).unwrap_err();
            assert!(matches!(error, AssignmentError::Exists(name) if name == new.name), "{error}");
            let owner = roles::by_name("Owner").unwrap().id;
            for (chain, changed) in [
                (chain(), NewAssignment { role: owner, ..new.clone() }),
                (Chain::root(TENANT), new.clone()),
                (chain(), NewAssignment { principal: ObjectId::random(world.entropy), ..new.clone() }),
            ] {
                let error = create(tx, world, &system(), &chain, &changed).unwrap_err();
                assert!(matches!(error, AssignmentError::UpdateNotPermitted), "{error}");
            }
        });
    }

    #[test]
    fn tn_02_a_principal_of_another_tenant_does_not_exist_here() {
        with_principal(|tx, world, new| {
            let elsewhere = Chain::root(TenantId::new(Uuid::from_u128(9)));
            let error = create(tx, world, &Allowed::system(elsewhere.tenant()), &elsewhere, &new).unwrap_err();
            assert!(matches!(error, AssignmentError::PrincipalNotFound(..)), "{error}");
            let stranger = NewAssignment { principal: ObjectId::random(world.entropy), ..new };
            let error = create(tx, world, &system(), &chain(), &stranger).unwrap_err();
            assert!(matches!(error, AssignmentError::PrincipalNotFound(..)), "{error}");
        });
    }

    #[test]
    fn an_unknown_role_is_refused() {
        with_principal(|tx, world, new| {
            let unknown = NewAssignment { role: RoleDefinitionId::random(world.entropy), ..new };
            let error = create(tx, world, &system(), &chain(), &unknown).unwrap_err();
            assert!(matches!(error, AssignmentError::RoleNotFound(_)), "{error}");
        });
    }
}
