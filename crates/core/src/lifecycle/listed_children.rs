//! Children that the body of their resource lists. Whoever may write the resource may write its list, and so these children.

use super::budget::{Budget, Progress};
use super::delete::{Condemned, remove};
use super::place;
use super::save::confirm_write;
use crate::access::{Allowed, WrongProof};
use crate::directory::{Body, Power, RESOURCES, Resource, ResourceIdentity};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceId, ResourceUuid, Timestamp, World};
use serde_json::Map;

/// A resource whose change was allowed, with its list of children.
#[derive(Debug, Clone, Copy)]
pub struct ChangedParent(ResourceUuid);

impl ChangedParent {
    /// A resource, with the proof of a write on it; of a new one, in the innermost scope above it.
    ///
    /// # Errors
    /// [`WrongProof`] when the proof is for something else.
    pub fn by(allowed: &Allowed, uuid: ResourceUuid, parent: &Resource) -> Result<Self, WrongProof> {
        confirm_write(allowed, uuid, parent)?;
        Ok(Self(uuid))
    }

    /// Makes a child, which has no identity. `to_come` counts it and those that the same write makes after it: they keep
    /// their order, and come before those of a later write.
    ///
    /// # Errors
    /// The store's.
    pub fn add(
        self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        parent: &Resource,
        (id, to_come): (ResourceId, u64),
        body: Body,
    ) -> Result<(), StoreError> {
        // An id has milliseconds.
        let now = Timestamp::from_unix_micros(world.now.unix_micros() - 1_000 * to_come);
        let child = Resource {
            id,
            tenant: parent.tenant,
            group: parent.group,
            parent: Some(self.0),
            tags: Map::new(),
            identity: ResourceIdentity::default(),
            principal: None,
            set: None,
            model: 0,
            instances_made: 0,
            body,
            power: Power::default(),
            extension: None,
            model_extension: None,
            deleting: false,
            version: 1,
            created_at: world.now,
            changed_at: world.now,
        };
        tx.create(&RESOURCES, &ResourceUuid::ordered(&World { now, entropy: world.entropy }), &child)
    }

    /// Puts a body in place of that of a child.
    ///
    /// # Errors
    /// The store's.
    pub fn change(
        self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        (uuid, mut child): (ResourceUuid, Resource),
        body: Body,
    ) -> Result<(), StoreError> {
        if child.parent != Some(self.0) {
            return Ok(());
        }
        child.body = body;
        child.version += 1;
        child.changed_at = world.now;
        tx.put(&RESOURCES, &uuid, &child)?;
        place::refresh(tx, uuid, &child)
    }

    /// Removes a child, as far as the budget goes.
    ///
    /// # Errors
    /// The store's.
    pub fn remove(
        self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        uuid: ResourceUuid,
        budget: &mut Budget,
    ) -> Result<Progress, StoreError> {
        match tx.get(&RESOURCES, &uuid)?.filter(|child| child.parent == Some(self.0)) {
            Some(_) => remove(tx, world, Condemned::part(uuid), uuid, budget),
            None => Ok(Progress::Done),
        }
    }
}
