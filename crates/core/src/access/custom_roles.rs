//! Custom role definitions: roles that are rows. Unlike built-in ones they belong to a tenant, and are valid
//! inside their assignable scopes only. How they are written: `definitions.rs`.

use super::{Chain, Permission, ScopeKey};
use bonafide_store::{Absence, Index, Read, StoreError, Table, Unique};
use bonafide_types::limits::CUSTOM_ROLES_PER_TENANT_MAX;
use bonafide_types::{ObjectId, ResourceId, RoleDefinitionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A custom role; its tenant and id are its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomRole {
    /// Its display name, `roleName` on the wire: unique in the tenant, in any case.
    pub name: String,
    /// Free-text description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its permissions; each grants on its own.
    pub permissions: Vec<Permission>,
    /// The scopes at which it can be assigned and is valid; never empty.
    pub assignable: Vec<Assignable>,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The principal that made it; `None` for the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<ObjectId>,
    /// The time of the last write.
    pub updated_at: Timestamp,
    /// The principal that last wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<ObjectId>,
    /// A random value of its last write, from which its ETag is made; rows of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Uuid>,
}

/// A scope at which a custom role can be assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignable {
    /// The scope. A group that is made again under the same name is another one.
    pub scope: ScopeKey,
    /// Its id when the role was written, which is still shown when the scope is gone.
    pub id: ResourceId,
}

impl CustomRole {
    /// True when the innermost scope of `chain` is one of the assignable ones or lies inside one.
    pub fn is_assignable_at(&self, chain: &Chain) -> bool {
        self.assignable.iter().any(|assignable| chain.scopes().contains(&assignable.scope))
    }
}

/// The key of a custom role. Another tenant can have a role of the same id: they are two.
pub type RoleKey = (TenantId, RoleDefinitionId);

/// Custom roles.
pub const CUSTOM_ROLES: Table<RoleKey, CustomRole> =
    Table::indexed("custom-role", Absence::Withholds, |key, row, entries| {
        entries.unique(&BY_NAME, &(key.0, folded(&row.name)));
        entries.many(&BY_TENANT, &key.0);
    });

/// By name in lower case, which is unique in a tenant.
const BY_NAME: Unique<(TenantId, String), RoleKey> = Unique::new("custom-role-by-name");
/// By tenant.
const BY_TENANT: Index<TenantId, RoleKey> = Index::new("custom-role-by-tenant");

/// The tenant's custom role of this name, in any case.
pub fn by_name(
    tx: &impl Read,
    tenant: TenantId,
    name: &str,
) -> Result<Option<(RoleDefinitionId, CustomRole)>, StoreError> {
    let Some(key) = tx.find(&BY_NAME, &(tenant, folded(name)))? else { return Ok(None) };
    Ok(tx.get(&CUSTOM_ROLES, &key)?.map(|row| (key.1, row)))
}

/// All custom roles of a tenant, by id.
pub fn of_tenant(tx: &impl Read, tenant: TenantId) -> Result<Vec<(RoleDefinitionId, CustomRole)>, StoreError> {
    let rows = tx.page(&CUSTOM_ROLES, &tenant, None, CUSTOM_ROLES_PER_TENANT_MAX)?;
    Ok(rows.into_iter().map(|(key, row)| (key.1, row)).collect())
}

/// True when a tenant has as many custom roles as it can have.
pub(super) fn is_full(tx: &impl Read, tenant: TenantId) -> Result<bool, StoreError> {
    let max = CUSTOM_ROLES_PER_TENANT_MAX;
    Ok(tx.many(&BY_TENANT, &tenant, None, max)?.len() == max)
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}
