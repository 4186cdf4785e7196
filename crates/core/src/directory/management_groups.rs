//! Management groups: the tree of a tenant between its root and its subscriptions. The root group is no row: its key is
//! the tenant's id, and it is there as long as the tenant.

use bonafide_store::{Absence, Index, Read, StoreError, Table, Unique};
use bonafide_types::{ManagementGroupUuid, ObjectId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Levels of management groups below the root group. Source: Microsoft Learn, "What are Azure management groups?".
pub const MANAGEMENT_GROUP_LEVELS_MAX: usize = 6;

/// A management group; its tenant and internal key are its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagementGroup {
    /// Its name as it was written: the last segment of its id, unique in the tenant, in any case.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The group that it lies in; `None` for the root group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ManagementGroupUuid>,
    /// Counts its writes.
    pub version: u64,
    /// The time of the last write.
    pub updated_at: Timestamp,
    /// The principal that last wrote it; `None` for the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<ObjectId>,
}

/// The key of a management group.
pub type ManagementGroupKey = (TenantId, ManagementGroupUuid);

/// Management groups. Without the row of one, what is inherited from above it is not held below it.
pub const MANAGEMENT_GROUPS: Table<ManagementGroupKey, ManagementGroup> =
    Table::indexed("management-group", Absence::Withholds, |key, row, entries| {
        entries.unique(&BY_NAME, &(key.0, row.name.to_ascii_lowercase()));
        entries.many(&MANAGEMENT_GROUPS_BELOW, &(key.0, row.parent.unwrap_or_else(|| root_group_of(key.0))));
    });

/// By name in lower case.
const BY_NAME: Unique<(TenantId, String), ManagementGroupKey> = Unique::new("management-group-by-name");
/// The groups that lie directly in a group.
pub const MANAGEMENT_GROUPS_BELOW: Index<(TenantId, ManagementGroupUuid), ManagementGroupKey> =
    Index::new("management-group-below");

/// The key of the root group of a tenant.
pub fn root_group_of(tenant: TenantId) -> ManagementGroupUuid {
    ManagementGroupUuid::new(tenant.uuid())
}

/// The key of the group with a name, in any case. That of the root group is the tenant's id.
pub fn management_group_named(
    tx: &impl Read,
    tenant: TenantId,
    name: &str,
) -> Result<Option<ManagementGroupUuid>, StoreError> {
    if name.eq_ignore_ascii_case(&tenant.to_string()) {
        return Ok(Some(root_group_of(tenant)));
    }
    Ok(tx.find(&BY_NAME, &(tenant, name.to_ascii_lowercase()))?.map(|key| key.1))
}
