//! The token endpoint of a workload beside the metadata service.

use crate::directory::{EXTENSION_OF, Extension, RESOURCES, Resource};
use bonafide_store::{Read, StoreError};
use bonafide_types::ResourceUuid;

/// The token endpoint of a workload: its own, or that of the extension on it.
pub fn extension_of(tx: &impl Read, uuid: ResourceUuid, workload: &Resource) -> Result<Option<Extension>, StoreError> {
    if workload.extension.is_some() {
        return Ok(workload.extension.filter(|_| !workload.is_extension()));
    }
    match tx.find(&EXTENSION_OF, &uuid)? {
        Some(extension) => Ok(tx.get(&RESOURCES, &extension)?.and_then(|extension| extension.extension)),
        None => Ok(None),
    }
}
