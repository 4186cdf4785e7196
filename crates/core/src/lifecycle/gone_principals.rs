//! The belongings of service principals and applications that are gone.

use super::app_roles::forget;
use super::budget::Budget;
use super::deferred::{defer, each};
use super::place::take_from_hosts;
use crate::directory::{
    APP_ROLE_ASSIGNMENTS, APP_ROLES_ASSIGNED_TO, CREDENTIALS, IDENTITY_USES, LIFETIME_POLICY_OF, PRINCIPALS,
};
use bonafide_store::{Absence, Read, Store, StoreError, Table, Tx};
use bonafide_types::{ObjectId, ResourceUuid};
use serde::{Deserialize, Serialize};

/// Work left of the deletion of a service principal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PrincipalRest {
    /// For a user-assigned identity: its resource. Hosts still have it for the workloads that use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<ResourceUuid>,
    /// The last of those workloads that was updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<ResourceUuid>,
}

/// Work left of the deletion of service principals.
pub(super) const DELETED: Table<ObjectId, PrincipalRest> = Table::new("deleted-principal", Absence::Allows);
/// Finishes what is left of every service principal that is gone.
pub(super) fn clear(store: &Store) -> Result<(), StoreError> {
    each(store, &DELETED, |tx, principal, rest| forget_principal(tx, *principal, rest))
}

/// Deletes the belongings of a service principal that is gone: its credentials, the roles that it has and gives, and, for a
/// user-assigned identity, its place on hosts.
pub(super) fn forget_principal(
    tx: &mut Tx<'_>,
    principal: ObjectId,
    mut rest: PrincipalRest,
) -> Result<(), StoreError> {
    let mut budget = Budget::of_one_write();
    tx.delete(&LIFETIME_POLICY_OF, &principal)?;
    for (key, _) in tx.page(&CREDENTIALS, &principal, None, budget.left())? {
        tx.delete(&CREDENTIALS, &key)?;
        budget.take(1);
    }
    for (key, _) in tx.page(&APP_ROLE_ASSIGNMENTS, &principal, None, budget.left())? {
        forget(tx, &[key])?;
        budget.take(1);
    }
    let assigned = tx.many(&APP_ROLES_ASSIGNED_TO, &principal, None, budget.left())?;
    forget(tx, &assigned)?;
    budget.take(assigned.len());
    if let Some(identity) = rest.identity {
        for user in tx.many(&IDENTITY_USES, &identity, rest.after.as_ref(), budget.left())? {
            if budget.is_spent() {
                break;
            }
            budget.take(1 + take_from_hosts(tx, user, principal)?);
            rest.after = Some(user);
        }
    }
    defer(tx, &DELETED, &principal, budget.is_spent().then_some(rest))
}

/// Deletes a service principal and its credentials. Role assignments that name it stay: an object id
/// is never given twice, so they grant nothing.
pub(super) fn delete_principal(tx: &mut Tx<'_>, id: ObjectId) -> Result<(), StoreError> {
    tx.delete(&PRINCIPALS, &id)?;
    forget_credentials(tx, id)
}

/// Deletes the credentials of an object of the directory that is gone.
pub(super) fn forget_credentials(tx: &mut Tx<'_>, id: ObjectId) -> Result<(), StoreError> {
    forget_principal(tx, id, PrincipalRest::default())
}
