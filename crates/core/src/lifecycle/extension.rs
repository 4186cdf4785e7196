//! The token endpoint of a workload beside the metadata service.

use crate::directory::{EXTENSION_OF, Extension, RESOURCES, Resource};
use crate::placement::{
    EXTENSION_STATUS, ExtensionStatus, HOSTS, PLACEMENTS_OF_WORKLOAD, WORKLOAD_HOSTS_MAX, identities_of,
};
use bonafide_store::{Read, StoreError};
use bonafide_types::ResourceUuid;
use uuid::Uuid;

/// User-assigned identities of a workload with the extension, at most. Source: Microsoft's pages on the extension, which
/// name it as the reason to leave it.
pub const EXTENSION_IDENTITIES_MAX: usize = 32;

/// A host that runs a workload with an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionHost {
    /// True if its agent serves the extension's dialect.
    pub serves: bool,
    /// Its last report.
    pub status: Option<ExtensionStatus>,
}

impl ExtensionHost {
    /// True when it has reported on a run.
    pub fn has_reported(&self, run: Uuid) -> bool {
        self.status.as_ref().is_some_and(|status| status.run == run)
    }
}

/// The hosts that run a workload, as far as its extension is concerned, whose endpoint speaks `dialect`.
///
/// # Errors
/// The store's.
pub fn extension_hosts(
    tx: &impl Read,
    workload: ResourceUuid,
    dialect: &str,
) -> Result<Vec<ExtensionHost>, StoreError> {
    let keys = tx.many(&PLACEMENTS_OF_WORKLOAD, &workload, None, WORKLOAD_HOSTS_MAX)?;
    let host = |key| {
        let serves = tx.get(&HOSTS, &key)?.is_some_and(|host| host.serves(dialect));
        Ok(ExtensionHost { serves, status: tx.get(&EXTENSION_STATUS, &(key, workload))? })
    };
    keys.into_iter().map(|(key, _)| host(key)).collect()
}

/// The token endpoint of a workload: that of the extension on it, or, for an instance of a scale set, of the model that it
/// has applied.
///
/// # Errors
/// The store's.
pub fn extension_of(tx: &impl Read, uuid: ResourceUuid, workload: &Resource) -> Result<Option<Extension>, StoreError> {
    if let (Some(_), Some(of_model)) = (workload.set, &workload.model_extension) {
        return Ok(Some(of_model.endpoint));
    }
    match tx.find(&EXTENSION_OF, &uuid)? {
        Some(extension) => Ok(tx.get(&RESOURCES, &extension)?.and_then(|extension| extension.extension)),
        None => Ok(None),
    }
}

/// The number of user-assigned identities that are too many for the extension on a workload; `None` where they are not,
/// or where it has none. `saved` is the workload, the extension on it, or the scale set whose instances are to have one, as
/// it is to be stored.
///
/// # Errors
/// The store's.
pub fn too_many_identities(tx: &impl Read, uuid: ResourceUuid, saved: &Resource) -> Result<Option<usize>, StoreError> {
    let count = |workload: &Resource| {
        let identities = identities_of(tx, workload)?;
        Ok::<_, StoreError>(identities.iter().filter(|identity| identity.user_assigned.is_some()).count())
    };
    let count = match (saved.machine_to_serve(), saved.identity.users.len() > EXTENSION_IDENTITIES_MAX) {
        (Some(machine), _) => match tx.get(&RESOURCES, &machine)? {
            Some(machine) => count(&machine)?,
            None => 0,
        },
        (None, _) if saved.model_extension.is_some() => count(saved)?,
        (None, false) if saved.set.is_none() => 0,
        (None, _) if extension_of(tx, uuid, saved)?.is_some() => count(saved)?,
        (None, _) => 0,
    };
    Ok(Some(count).filter(|count| *count > EXTENSION_IDENTITIES_MAX))
}
