//! Placements that an older version wrote, or that were left over when very many machines shared what changed: they say of their
//! machines what this version says, without waiting for a write of each.

use super::place;
use crate::directory::RESOURCES;
use crate::placement::PLACEMENTS;
use bonafide_store::{Read, Store, StoreError};
use bonafide_types::{HostId, ResourceUuid};

/// Placements that are looked at in one transaction. Source: ours; bounds its commit, and what it may collide with.
const AT_ONCE: usize = 64;
/// Transactions of one step. Source: ours; a thousand placements are looked at in about 100 ms.
const TRANSACTIONS: usize = 16;

/// One pass over all placements after a start.
#[derive(Debug, Default)]
pub struct PlacementsOfBefore {
    /// The last one that was looked at.
    after: Option<(HostId, ResourceUuid)>,
    is_done: bool,
}

impl PlacementsOfBefore {
    /// Goes on with the pass. What is as it should be is not written.
    ///
    /// # Errors
    /// The store's: the pass goes on from where it was.
    pub fn go_on(&mut self, store: &Store) -> Result<(), StoreError> {
        for _ in 0..TRANSACTIONS {
            if self.is_done {
                break;
            }
            let after = self.after;
            let last = store.write(|tx| {
                let page = tx.page(&PLACEMENTS, &(), after.as_ref(), AT_ONCE)?;
                for ((_, workload), _) in &page {
                    if let Some(resource) = tx.get(&RESOURCES, workload)? {
                        place::refresh(tx, *workload, &resource)?;
                    }
                }
                Ok::<_, StoreError>(page.last().map(|(key, _)| *key))
            })?;
            (self.is_done, self.after) = (last.is_none(), last);
        }
        Ok(())
    }
}
