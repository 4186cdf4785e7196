//! The high-water mark: a small file outside the database that says how far the store had come, so that a store that
//! went back is noticed: a damaged log, an older copy put back ([ADR 15](../../../../docs/adr/0015-high-water-mark.md)).
//!
//! The mark is never ahead of what the engine has made durable, and it may be a little behind. It is written in two slots
//! in turn, so that a write that was cut short loses one of them at most.

mod file;
mod keep;
mod slot;

pub(crate) use keep::KeptMark;

use crate::audit::Hash;
use crate::engine::Epoch;
pub use crate::engine::HighWater;
pub use file::{Marks, begin, read, settle};

/// The reason why a store is not the newest that its mark knows of. Each text is the part of one line between the store's
/// name and the way on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BelowMark {
    /// The store went back.
    #[error(
        "is at revision {} (audit record {}), and its mark at revision {} (audit record {}): what came after is lost, \
         or this is an older copy",
        store.cursor.revision.0, store.audit_number, mark.cursor.revision.0, mark.audit_number
    )]
    Older {
        /// The store's newest point.
        store: HighWater,
        /// The mark.
        mark: HighWater,
    },
    /// The store went back, and then another way.
    #[error("has another audit record {number} than its mark knows: it is an older copy that was then written to")]
    OtherHistory {
        /// The number of the record.
        number: u64,
    },
    /// The store is of another history altogether.
    #[error(
        "is of epoch {}, at revision {}, and its mark of another, at revision {}: it is a copy from before a restore, \
         or of another installation",
        store.cursor.epoch.0, store.cursor.revision.0, mark.cursor.revision.0
    )]
    OtherEpoch {
        /// The store's newest point.
        store: HighWater,
        /// The newest mark.
        mark: HighWater,
    },
    /// There is nothing in the database.
    #[error("is empty, and its mark at revision {}: the database or its log is lost", mark.cursor.revision.0)]
    Empty {
        /// The mark.
        mark: HighWater,
    },
    /// The mark itself is gone, or nothing in it can be read.
    #[error("has lost its mark (revision {} is there): nobody can tell whether it is the newest", store.cursor.revision.0)]
    MarkLost {
        /// The store's newest point.
        store: HighWater,
    },
}

/// Compares a store with what its mark file says: the reason why it is not the newest, `None` when it is. `store` is `None`
/// for an empty one; `was_marked` is what the store itself remembers; `hash_of` gives the hash of an audit record.
///
/// # Errors
/// That of `hash_of`.
pub fn check<E>(
    marks: &Marks,
    store: Option<&HighWater>,
    was_marked: bool,
    hash_of: impl FnOnce(u64) -> Result<Option<Hash>, E>,
) -> Result<Option<BelowMark>, E> {
    let Some(newest) = marks.newest() else {
        return Ok(store.filter(|_| was_marked).map(|store| BelowMark::MarkLost { store: *store }));
    };
    let Some(store) = store else { return Ok(Some(BelowMark::Empty { mark: *newest })) };
    let Some(mark) = marks.of(store.cursor.epoch) else {
        return Ok(Some(BelowMark::OtherEpoch { store: *store, mark: *newest }));
    };
    if store.cursor.revision < mark.cursor.revision || store.audit_number < mark.audit_number {
        return Ok(Some(BelowMark::Older { store: *store, mark: *mark }));
    }
    let is_same = mark.audit_number == 0 || hash_of(mark.audit_number)? == Some(mark.audit_hash);
    Ok((!is_same).then_some(BelowMark::OtherHistory { number: mark.audit_number }))
}

#[cfg(test)]
mod tests;
