//! Management locks: whatever roles grant, what is locked is not deleted, or not changed at all.

use super::{Allowed, Chain, Plane, ScopeKey, WrongProof};
use bonafide_store::{Absence, Read, StoreError, Table, Tx};
use bonafide_types::{ObjectId, SubscriptionId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A management lock; its subscription, scope and name are its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Its name as it was written.
    pub name: String,
    /// The operations that it stops.
    pub level: LockLevel,
    /// Free text of its maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The principal that made it; `None` for the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<ObjectId>,
    /// A random value of its last write, from which its ETag is made; rows of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Uuid>,
}

/// The operations that a lock stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockLevel {
    /// Nothing at the scope or below it can be deleted.
    CanNotDelete,
    /// Nothing at the scope or below it can be changed or deleted.
    ReadOnly,
}

/// The key of a lock: the name in lower case.
pub type LockKey = (SubscriptionId, ScopeKey, String);

/// Management locks. There is none where nothing is: what a lock is about cannot be deleted before it.
pub const LOCKS: Table<LockKey, Lock> = Table::new("lock", Absence::Allows);

/// Makes or changes a lock.
pub const WRITE: &str = "Microsoft.Authorization/locks/write";
/// Deletes a lock.
pub const DELETE: &str = "Microsoft.Authorization/locks/delete";

/// Locks of one subscription. Source: ours; Azure has 20 at one scope.
pub const LOCKS_PER_SUBSCRIPTION_MAX: usize = 1_000;

/// The reason why a lock was not written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The subscription has [`LOCKS_PER_SUBSCRIPTION_MAX`].
    #[error("the subscription has {LOCKS_PER_SUBSCRIPTION_MAX} locks, the most it can have")]
    TooMany,
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a lock at the scope of `chain`. `allowed` is the proof that its maker may do [`WRITE`] there.
pub fn put(tx: &mut Tx<'_>, allowed: &Allowed, chain: &Chain, key: &LockKey, lock: &Lock) -> Result<(), LockError> {
    allowed.confirm(chain.tenant(), chain.scope(), WRITE, Plane::Control)?;
    let is_new = tx.get(&LOCKS, key)?.is_none();
    if is_new && tx.page(&LOCKS, &key.0, None, LOCKS_PER_SUBSCRIPTION_MAX)?.len() == LOCKS_PER_SUBSCRIPTION_MAX {
        return Err(LockError::TooMany);
    }
    Ok(tx.put(&LOCKS, key, lock)?)
}

/// Deletes a lock. `allowed` is the proof that its deleter may do [`DELETE`] at the scope of `chain`.
pub fn delete(tx: &mut Tx<'_>, allowed: &Allowed, chain: &Chain, key: &LockKey) -> Result<(), LockError> {
    allowed.confirm(chain.tenant(), chain.scope(), DELETE, Plane::Control)?;
    Ok(tx.delete(&LOCKS, key)?)
}

/// The locks of a subscription. Where there are none, that is one read, and in a transaction one condition.
pub fn of_subscription(tx: &impl Read, subscription: SubscriptionId) -> Result<Vec<(LockKey, Lock)>, StoreError> {
    tx.page(&LOCKS, &subscription, None, LOCKS_PER_SUBSCRIPTION_MAX)
}
