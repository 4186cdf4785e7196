//! Children that the body of their resource lists. Whoever may write the resource may write its list, and so these children.

use super::below::{self, BelowError};
use super::budget::{Budget, Progress};
use super::delete::remove_tree;
use super::place;
use super::save::confirm_write;
use crate::access::{Allowed, WrongProof};
use crate::directory::{Body, Power, RESOURCES, Resource, ResourceIdentity};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceId, ResourceUuid, Timestamp, World};
use serde_json::Map;

/// A resource whose change was allowed, with its list of children. It is stored after them, with their count.
#[derive(Debug)]
pub struct ChangedParent<'a> {
    uuid: ResourceUuid,
    row: &'a mut Resource,
}

impl<'a> ChangedParent<'a> {
    /// A resource, with the proof of a write on it; of a new one, in the innermost scope above it.
    ///
    /// # Errors
    /// [`WrongProof`] when the proof is for something else.
    pub fn by(allowed: &Allowed, uuid: ResourceUuid, row: &'a mut Resource) -> Result<Self, WrongProof> {
        confirm_write(allowed, uuid, row)?;
        Ok(Self { uuid, row })
    }

    /// Makes a child, which has no identity. `to_come` counts it and those that the same write makes after it: they keep
    /// their order, and come before those of a later write.
    ///
    /// # Errors
    /// [`BelowError`].
    pub fn add(
        &mut self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        (id, to_come): (ResourceId, u64),
        body: Body,
    ) -> Result<(), BelowError> {
        // An id has milliseconds.
        let now = Timestamp::from_unix_micros(world.now.unix_micros() - 1_000 * to_come);
        let child = Resource {
            id,
            tenant: self.row.tenant,
            group: self.row.group,
            parent: Some(self.uuid),
            tags: Map::new(),
            identity: ResourceIdentity::default(),
            principal: None,
            set: None,
            model: 0,
            instances_made: 0,
            host: None,
            host_resource: None,
            body,
            power: Power::default(),
            extension: None,
            model_extension: None,
            below: None,
            deleting: false,
            version: 1,
            created_at: world.now,
            changed_at: world.now,
        };
        below::in_parent(tx, self.uuid, self.row, (None, &child))?;
        Ok(tx.create(&RESOURCES, &ResourceUuid::ordered(&World { now, entropy: world.entropy }), &child)?)
    }

    /// Puts a body in place of that of a child.
    ///
    /// # Errors
    /// [`BelowError`].
    pub fn change(
        &mut self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        uuid: ResourceUuid,
        body: Body,
    ) -> Result<(), BelowError> {
        let Some(old) = self.child(tx, uuid)? else { return Ok(()) };
        let mut child = old.clone();
        child.body = body;
        child.version += 1;
        child.changed_at = world.now;
        below::in_parent(tx, self.uuid, self.row, (Some(&old), &child))?;
        tx.put(&RESOURCES, &uuid, &child)?;
        Ok(place::refresh(tx, uuid, &child)?)
    }

    /// Removes a child, as far as the budget goes.
    ///
    /// # Errors
    /// The store's.
    pub fn remove(
        &mut self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        uuid: ResourceUuid,
        budget: &mut Budget,
    ) -> Result<Progress, StoreError> {
        let Some(child) = self.child(tx, uuid)? else { return Ok(Progress::Done) };
        let progress = remove_tree(tx, world, uuid, child.clone(), budget)?;
        if progress.is_done() {
            below::leave_parent(self.row, &child);
        }
        Ok(progress)
    }

    fn child(&self, tx: &impl Read, uuid: ResourceUuid) -> Result<Option<Resource>, StoreError> {
        Ok(tx.get(&RESOURCES, &uuid)?.filter(|child| child.parent == Some(self.uuid)))
    }
}
