//! A workload on a host with all its identities: its row, and what its scale set adds.

use super::effective_identity::{IDENTITIES_OF_SETS, SetIdentities, joined};
use super::placements::{PlacedIdentity, Placement};
use bonafide_store::{Read, StoreError};
use bonafide_types::ObjectId;
use std::sync::Arc;

/// A workload on a host, with all the identities that it may use there.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Its row.
    pub row: Placement,
    /// Those of its set.
    pub(crate) of_set: Arc<SetIdentities>,
}

impl Placed {
    /// The workload of a row, at the revision that is read.
    ///
    /// # Errors
    /// The store's.
    pub fn read(tx: &impl Read, row: Placement) -> Result<Self, StoreError> {
        let of_set = match row.set {
            Some(membership) => tx.get(&IDENTITIES_OF_SETS, &membership.set)?.unwrap_or_default(),
            None => SetIdentities::default(),
        };
        Ok(Self { row, of_set: Arc::new(of_set) })
    }

    /// Its identities, the system-assigned one first.
    pub fn identities(&self) -> impl Iterator<Item = &PlacedIdentity> {
        joined(&self.row.own, self.row.set.map_or(0, |membership| membership.model), &self.of_set)
    }

    /// One of its identities.
    pub fn identity(&self, principal: ObjectId) -> Option<&PlacedIdentity> {
        self.identities().find(|identity| identity.principal == principal)
    }
}
