//! Making, changing and assigning policies of token lifetimes.

use super::directory_error::{DirectoryError, LIFETIME_POLICIES_MAX};
use crate::access::Allowed;
use crate::directory::{
    DEFAULT_LIFETIME_POLICY, LIFETIME_POLICIES_OF_TENANT, LIFETIME_POLICY_OF, LIFETIME_POLICY_USES,
    TOKEN_LIFETIME_POLICIES, TokenLifetimePolicy,
};
use bonafide_store::{Read, Tx};
use bonafide_types::{ObjectId, TenantId, World};

/// Stores a new policy.
///
/// # Errors
/// [`DirectoryError`].
pub fn create_lifetime_policy(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    policy: &TokenLifetimePolicy,
) -> Result<ObjectId, DirectoryError> {
    let max = LIFETIME_POLICIES_MAX;
    if tx.many(&LIFETIME_POLICIES_OF_TENANT, &policy.tenant, None, max)?.len() == max {
        return Err(DirectoryError::TooMany("tokenLifetimePolicies", max));
    }
    let id = ObjectId::random(world.entropy);
    save_lifetime_policy(tx, allowed, id, policy)?;
    Ok(id)
}

/// Stores a policy, new or in the place of what it was.
///
/// # Errors
/// [`DirectoryError`].
pub fn save_lifetime_policy(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    id: ObjectId,
    policy: &TokenLifetimePolicy,
) -> Result<(), DirectoryError> {
    allowed.confirm_change(policy.tenant)?;
    let default = tx.find(&DEFAULT_LIFETIME_POLICY, &policy.tenant)?;
    if policy.is_default && default.is_some_and(|other| other != id) {
        return Err(DirectoryError::DefaultExists);
    }
    Ok(tx.put(&TOKEN_LIFETIME_POLICIES, &id, policy)?)
}

/// Deletes a policy that nothing has.
///
/// # Errors
/// [`DirectoryError`].
pub fn delete_lifetime_policy(tx: &mut Tx<'_>, allowed: &Allowed, id: ObjectId) -> Result<(), DirectoryError> {
    let Some(policy) = tx.get(&TOKEN_LIFETIME_POLICIES, &id)? else { return Ok(()) };
    allowed.confirm_change(policy.tenant)?;
    if !tx.many(&LIFETIME_POLICY_USES, &id, None, 1)?.is_empty() {
        return Err(DirectoryError::PolicyInUse);
    }
    Ok(tx.delete(&TOKEN_LIFETIME_POLICIES, &id)?)
}

/// Gives an application or a service principal, that of a managed identity too, a policy. It has one at most.
///
/// # Errors
/// [`DirectoryError`].
pub fn assign_lifetime_policy(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    tenant: TenantId,
    object: ObjectId,
    policy: ObjectId,
) -> Result<(), DirectoryError> {
    allowed.confirm_change(tenant)?;
    match tx.get(&LIFETIME_POLICY_OF, &object)? {
        Some(_) => Err(DirectoryError::PolicyExists),
        None => Ok(tx.put(&LIFETIME_POLICY_OF, &object, &policy)?),
    }
}

/// Takes its policy from an application or a service principal.
///
/// # Errors
/// [`DirectoryError`].
pub fn unassign_lifetime_policy(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    tenant: TenantId,
    object: ObjectId,
    policy: ObjectId,
) -> Result<(), DirectoryError> {
    allowed.confirm_change(tenant)?;
    match tx.get(&LIFETIME_POLICY_OF, &object)? {
        Some(held) if held == policy => Ok(tx.delete(&LIFETIME_POLICY_OF, &object)?),
        _ => Err(DirectoryError::PolicyNotAssigned(policy)),
    }
}
