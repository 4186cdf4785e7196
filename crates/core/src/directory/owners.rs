//! Owners of applications and service principals: who may change them without a right to change the whole directory.

use bonafide_store::{Absence, Index, Table};
use bonafide_types::{ObjectId, Timestamp};
use serde::{Deserialize, Serialize};

/// That one object owns another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ownership {
    /// The time at which it was given.
    pub since: Timestamp,
}

/// Ownerships by what is owned and by the owner, a service principal. They outlive the owner: an object id is never given
/// twice, so they then give nothing.
pub const OWNERS: Table<(ObjectId, ObjectId), Ownership> =
    Table::indexed("directory-owner", Absence::Withholds, |(_, owner), _, entries| {
        entries.many(&OWNED, owner);
    });

/// The objects that a service principal owns.
pub const OWNED: Index<ObjectId, (ObjectId, ObjectId)> = Index::new("directory-owned");
