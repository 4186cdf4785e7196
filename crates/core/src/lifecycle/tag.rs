//! Changing tags and nothing else, which has rights of its own.

use super::below::{self, BelowError};
use super::place;
use crate::access::{Allowed, Plane, ScopeKey, WrongProof};
use crate::directory::{FullError, RESOURCES, Resource, SUBSCRIPTION_TAGS, SUBSCRIPTIONS};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceUuid, SubscriptionId, TenantId, World};
use serde_json::{Map, Value};

/// The rights that change tags and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagAction {
    /// Writes them.
    Write,
    /// Deletes all of them.
    Delete,
}

impl TagAction {
    /// The action that a role must grant.
    pub fn right(self) -> &'static str {
        match self {
            Self::Write => "Microsoft.Resources/tags/write",
            Self::Delete => "Microsoft.Resources/tags/delete",
        }
    }
}

/// The reason why something was not tagged.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The resource above it takes no more.
    #[error(transparent)]
    Full(#[from] FullError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BelowError> for TagError {
    fn from(error: BelowError) -> Self {
        match error {
            BelowError::Full(error) => Self::Full(error),
            BelowError::Store(error) => Self::Store(error),
        }
    }
}

/// Puts tags in place of those of a stored resource or group, with one more version. `allowed` is the proof of `action`
/// on it.
pub fn tag(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    (allowed, action): (&Allowed, TagAction),
    (uuid, resource): (ResourceUuid, &mut Resource),
    tags: Map<String, Value>,
) -> Result<(), TagError> {
    allowed.confirm(resource.tenant, ScopeKey::of(uuid, resource), action.right(), Plane::Control)?;
    resource.tags = tags;
    resource.version += 1;
    resource.changed_at = world.now;
    below::count(tx, world, uuid, resource)?;
    tx.put(&RESOURCES, &uuid, resource)?;
    Ok(place::refresh(tx, uuid, resource)?)
}

/// Puts tags in place of those of a subscription of a tenant. `allowed` is the proof of `action` there.
pub fn tag_subscription(
    tx: &mut Tx<'_>,
    (allowed, action): (&Allowed, TagAction),
    (tenant, id): (TenantId, SubscriptionId),
    tags: &Map<String, Value>,
) -> Result<(), TagError> {
    allowed.confirm(tenant, ScopeKey::Subscription(id), action.right(), Plane::Control)?;
    if tx.get(&SUBSCRIPTIONS, &id)?.is_none_or(|row| row.tenant != tenant) {
        return Err(WrongProof.into());
    }
    Ok(tx.put(&SUBSCRIPTION_TAGS, &id, tags)?)
}
