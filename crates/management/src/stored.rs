//! Stored resources, as a type reads them that shows or checks what others say.

use bonafide_core::directory::{EXTENSION_OF, INSTANCES_OF_SET, RESOURCES, RESOURCES_BELOW, Resource, find};
use bonafide_core::lifecycle::{self, ExtensionHost};
use bonafide_core::placement::{HOSTS, Host, PLACEMENTS, PLACEMENTS_OF_WORKLOAD, WORKLOAD_HOSTS_MAX};
use bonafide_store::{Read, StoreError};
use bonafide_types::{HostId, ResourceId, ResourceUuid};
use bonafide_wire::hosts::VM_EXTENSION;
use std::cell::Cell;

/// Stored resources, for a type that shows or checks what others say.
pub(crate) trait Stored {
    /// A resource.
    fn resource(&self, uuid: ResourceUuid) -> Result<Option<Resource>, StoreError>;
    /// The resource with an ARM id, in any case.
    fn named(&self, id: &ResourceId) -> Result<Option<Resource>, StoreError>;
    /// The hosts of a workload, as far as its extension is concerned.
    fn extension_hosts(&self, workload: ResourceUuid) -> Result<Vec<ExtensionHost>, StoreError>;
    /// The hosts of a workload.
    fn hosts_of(&self, workload: ResourceUuid) -> Result<Vec<HostId>, StoreError>;
    /// The row of a host.
    fn host(&self, id: HostId) -> Result<Option<Host>, StoreError>;
    /// True for a workload that is on a host.
    fn is_placed(&self, host: HostId, workload: ResourceUuid) -> Result<bool, StoreError>;
    /// The first workloads on a host.
    fn placed_on(&self, host: HostId, max: usize) -> Result<Vec<ResourceId>, StoreError>;
    /// The resources directly below another one, in the order in which they were made. To be read one by one: each can have 1 MiB.
    fn below(&self, uuid: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError>;
    /// The instances of a scale set.
    fn instances(&self, set: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError>;
    /// The version of the model of a scale set.
    fn model_of(&self, set: ResourceUuid) -> Result<u64, StoreError>;
    /// True for a machine with an extension that is a resource of its own and serves tokens.
    fn has_own_extension(&self, machine: ResourceUuid) -> Result<bool, StoreError>;
    /// The number of user-assigned identities of a resource, where its extension serves fewer.
    fn too_many_identities(&self, uuid: ResourceUuid, resource: &Resource) -> Result<Option<usize>, StoreError>;
}

/// Stored resources that are read for many others: the model of a set is read once for all its instances in a list.
pub(crate) struct Remembered<'a, T> {
    tx: &'a T,
    model: Cell<Option<(ResourceUuid, u64)>>,
}

impl<'a, T> Remembered<'a, T> {
    pub(crate) fn new(tx: &'a T) -> Self {
        Self { tx, model: Cell::new(None) }
    }
}

impl<T: Read> Stored for Remembered<'_, T> {
    fn resource(&self, uuid: ResourceUuid) -> Result<Option<Resource>, StoreError> {
        self.tx.resource(uuid)
    }

    fn named(&self, id: &ResourceId) -> Result<Option<Resource>, StoreError> {
        self.tx.named(id)
    }

    fn extension_hosts(&self, workload: ResourceUuid) -> Result<Vec<ExtensionHost>, StoreError> {
        self.tx.extension_hosts(workload)
    }

    fn hosts_of(&self, workload: ResourceUuid) -> Result<Vec<HostId>, StoreError> {
        self.tx.hosts_of(workload)
    }

    fn host(&self, id: HostId) -> Result<Option<Host>, StoreError> {
        self.tx.host(id)
    }

    fn is_placed(&self, host: HostId, workload: ResourceUuid) -> Result<bool, StoreError> {
        self.tx.is_placed(host, workload)
    }

    fn placed_on(&self, host: HostId, max: usize) -> Result<Vec<ResourceId>, StoreError> {
        self.tx.placed_on(host, max)
    }

    fn below(&self, uuid: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError> {
        self.tx.below(uuid)
    }

    fn instances(&self, set: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError> {
        self.tx.instances(set)
    }

    fn model_of(&self, set: ResourceUuid) -> Result<u64, StoreError> {
        if let Some((of, model)) = self.model.get()
            && of == set
        {
            return Ok(model);
        }
        let model = self.tx.model_of(set)?;
        self.model.set(Some((set, model)));
        Ok(model)
    }

    fn has_own_extension(&self, machine: ResourceUuid) -> Result<bool, StoreError> {
        self.tx.has_own_extension(machine)
    }

    fn too_many_identities(&self, uuid: ResourceUuid, resource: &Resource) -> Result<Option<usize>, StoreError> {
        self.tx.too_many_identities(uuid, resource)
    }
}

impl<T: Read> Stored for T {
    fn resource(&self, uuid: ResourceUuid) -> Result<Option<Resource>, StoreError> {
        self.get(&RESOURCES, &uuid)
    }

    fn named(&self, id: &ResourceId) -> Result<Option<Resource>, StoreError> {
        Ok(find(self, id)?.map(|(_, resource)| resource))
    }

    fn extension_hosts(&self, workload: ResourceUuid) -> Result<Vec<ExtensionHost>, StoreError> {
        lifecycle::extension_hosts(self, workload, VM_EXTENSION)
    }

    fn hosts_of(&self, workload: ResourceUuid) -> Result<Vec<HostId>, StoreError> {
        let placed = self.many(&PLACEMENTS_OF_WORKLOAD, &workload, None, WORKLOAD_HOSTS_MAX)?;
        Ok(placed.into_iter().map(|(host, _)| host).collect())
    }

    fn host(&self, id: HostId) -> Result<Option<Host>, StoreError> {
        self.get(&HOSTS, &id)
    }

    fn is_placed(&self, host: HostId, workload: ResourceUuid) -> Result<bool, StoreError> {
        self.has(&PLACEMENTS, &(host, workload))
    }

    fn placed_on(&self, host: HostId, max: usize) -> Result<Vec<ResourceId>, StoreError> {
        Ok(self.page(&PLACEMENTS, &host, None, max)?.into_iter().map(|(_, row)| row.resource_id).collect())
    }

    fn below(&self, uuid: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError> {
        self.many(&RESOURCES_BELOW, &uuid, None, usize::MAX)
    }

    fn instances(&self, set: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError> {
        self.many(&INSTANCES_OF_SET, &set, None, usize::MAX)
    }

    fn model_of(&self, set: ResourceUuid) -> Result<u64, StoreError> {
        Ok(self.get(&RESOURCES, &set)?.map_or(0, |row| row.model))
    }

    fn has_own_extension(&self, machine: ResourceUuid) -> Result<bool, StoreError> {
        Ok(self.find(&EXTENSION_OF, &machine)?.is_some())
    }

    fn too_many_identities(&self, uuid: ResourceUuid, resource: &Resource) -> Result<Option<usize>, StoreError> {
        lifecycle::too_many_identities(self, uuid, resource)
    }
}
