//! The instances of a scale set, changed by the right to change the set: that they follow it was allowed with it, however
//! many transactions it takes.

use super::announced::go_on_with_deletions;
use super::budget::{Budget, Progress};
use super::delete::{Condemned, remove};
use super::place;
use super::save::confirm_write;
use crate::access::{Allowed, WrongProof};
use crate::directory::{Body, INSTANCES_OF_SET, Membership, RESOURCES, Resource, ResourceIdentity, find};
use crate::placement::EventState;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ResourceId, ResourceUuid, Timestamp, World};
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// Instances of one set. Source: the limit of Virtual Machine Scale Sets of platform images.
pub const INSTANCES_MAX: usize = 1_000;

/// A scale set whose change was allowed. The operation that brings its instances up to date stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangedSet(ResourceUuid);

impl ChangedSet {
    /// A set, with the proof of a write on it; of a new one, in the innermost scope above it.
    ///
    /// # Errors
    /// [`WrongProof`] when the proof is for something else.
    pub fn by(allowed: &Allowed, uuid: ResourceUuid, set: &Resource) -> Result<Self, WrongProof> {
        confirm_write(allowed, uuid, set)?;
        Ok(Self(uuid))
    }

    /// The key of the set.
    pub fn uuid(self) -> ResourceUuid {
        self.0
    }

    /// The set, while it is there and not being deleted.
    ///
    /// # Errors
    /// The store's.
    pub fn read(self, tx: &impl Read) -> Result<Option<Resource>, StoreError> {
        Ok(tx.get(&RESOURCES, &self.0)?.filter(|set| !set.is_being_deleted()))
    }

    /// Its instances, in the order in which they were made.
    ///
    /// # Errors
    /// The store's.
    pub fn instances(self, tx: &impl Read) -> Result<Vec<ResourceUuid>, StoreError> {
        tx.many(&INSTANCES_OF_SET, &self.0, None, usize::MAX)
    }

    /// Makes an instance of the latest model; `child_of_set` tells whether it lies below the set or beside it. `None` when
    /// something has its id already.
    ///
    /// # Errors
    /// The store's.
    pub fn add(
        self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        set: &Resource,
        id: ResourceId,
        child_of_set: bool,
        body: Body,
    ) -> Result<Option<ResourceUuid>, StoreError> {
        if find(tx, &id)?.is_some() {
            return Ok(None);
        }
        // In the order of their numbers, also those of one commit: an id has milliseconds.
        let now = Timestamp::from_unix_micros(world.now.unix_micros() + 1_000 * set.instances_made);
        let uuid = ResourceUuid::ordered(&World { now, entropy: world.entropy });
        let instance = Resource {
            id,
            parent: child_of_set.then_some(self.0),
            tags: if child_of_set { Map::new() } else { set.tags.clone() },
            identity: ResourceIdentity::default(),
            principal: None,
            power: crate::directory::Power::default(),
            set: Some(Membership { set: self.0, model: set.model }),
            model: 0,
            instances_made: 0,
            host: None,
            host_resource: None,
            extension: None,
            below: None,
            model_extension: set.model_extension.clone(),
            body,
            deleting: false,
            version: 1,
            created_at: world.now,
            changed_at: world.now,
            ..set.clone()
        };
        tx.create(&RESOURCES, &uuid, &instance)?;
        Ok(Some(uuid))
    }

    /// Stores how many instances the set has made.
    ///
    /// # Errors
    /// The store's.
    pub fn count(self, tx: &mut Tx<'_>, set: &Resource) -> Result<(), StoreError> {
        tx.put(&RESOURCES, &self.0, set)
    }

    /// Changes an instance of the set, where the change makes it another; false when it is none.
    ///
    /// # Errors
    /// The store's.
    pub fn change(
        self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        uuid: ResourceUuid,
        change: impl FnOnce(&mut Resource),
    ) -> Result<bool, StoreError> {
        let Some(old) = self.instance(tx, uuid)? else { return Ok(false) };
        let mut instance = old.clone();
        change(&mut instance);
        if instance == old {
            return Ok(true);
        }
        instance.version += 1;
        instance.changed_at = world.now;
        tx.put(&RESOURCES, &uuid, &instance)?;
        place::refresh(tx, uuid, &instance)?;
        Ok(true)
    }

    /// Goes on with telling instances that they are removed, those that want to know of it. They may be removed together once
    /// it is [`EventState::MayHappen`].
    ///
    /// # Errors
    /// The store's.
    pub fn announce_removal(
        self,
        tx: &mut Tx<'_>,
        world: &World<'_>,
        instances: &[ResourceUuid],
        is_connected: &dyn Fn(HostId) -> bool,
    ) -> Result<EventState, StoreError> {
        go_on_with_deletions(tx, world, instances, is_connected)
    }

    /// Removes an instance of the set, as far as the budget goes.
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
        match self.instance(tx, uuid)? {
            Some(_) => remove(tx, world, Condemned::part(uuid), uuid, budget),
            None => Ok(Progress::Done),
        }
    }

    /// An instance of the set.
    ///
    /// # Errors
    /// The store's.
    pub fn instance(self, tx: &impl Read, uuid: ResourceUuid) -> Result<Option<Resource>, StoreError> {
        let instance = tx.get(&RESOURCES, &uuid)?;
        Ok(instance.filter(|instance| instance.set.is_some_and(|membership| membership.set == self.0)))
    }
}
