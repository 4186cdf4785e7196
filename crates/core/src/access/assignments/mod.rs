//! Role assignments: which principal holds which role where.

mod held;
#[cfg(test)]
mod tests;
mod write;

pub(super) use held::{any_of, roles_anywhere, roles_at};
pub use held::{at, by_name, in_subscription, is_last_owner, of_principal, owns_root, scopes_above_subscriptions};
pub use write::{create, delete, delete_at};

use super::{ScopeKey, WrongProof, roles};
use bonafide_store::{Absence, Index, StoreError, Table, Unique};
use bonafide_types::limits::{ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX, ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX};
use bonafide_types::{ObjectId, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A role assignment; its tenant, principal and name are its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// The scope at which the role is held.
    pub scope: ScopeKey,
    /// The subscription that the scope lies in or is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionId>,
    /// The role.
    pub role: RoleDefinitionId,
    /// Free-text description given by the creator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The principal that made it; `None` for those of the first start.
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

/// The key of a role assignment: all that one principal holds in its tenant is one range.
pub type AssignmentKey = (TenantId, ObjectId, RoleAssignmentId);

/// Role assignments. They outlive their principal, as on Azure: an object id is never given twice, so
/// they then grant nothing. They go with the resource or group that they are about.
pub const ROLE_ASSIGNMENTS: Table<AssignmentKey, RoleAssignment> =
    Table::indexed("role-assignment", Absence::Withholds, |key, row, entries| {
        entries.unique(&BY_NAME, &(key.0, key.2));
        entries.unique(&BY_CONTENT, &((key.0, key.1), row.scope, row.role));
        entries.many(&BY_SCOPE, &(key.0, row.scope));
        if let Some(subscription) = row.subscription {
            entries.many(&BY_SUBSCRIPTION, &(key.0, subscription));
        }
        if roles::by_id(row.role).is_none() {
            entries.many(&BY_CUSTOM_ROLE, &(key.0, row.role));
        }
    });

/// By name, which is unique in a tenant.
const BY_NAME: Unique<(TenantId, RoleAssignmentId), AssignmentKey> = Unique::new("role-assignment-by-name");
/// By principal, scope and role: one role is held at one scope once.
const BY_CONTENT: Unique<((TenantId, ObjectId), ScopeKey, RoleDefinitionId), AssignmentKey> =
    Unique::new("role-assignment-by-content");
/// By scope.
const BY_SCOPE: Index<(TenantId, ScopeKey), AssignmentKey> = Index::new("role-assignment-by-scope");
/// By subscription.
const BY_SUBSCRIPTION: Index<(TenantId, SubscriptionId), AssignmentKey> = Index::new("role-assignment-by-subscription");
/// By custom role. Assignments of built-in roles have no entry, as those that were stored before this index.
const BY_CUSTOM_ROLE: Index<(TenantId, RoleDefinitionId), AssignmentKey> = Index::new("role-assignment-by-custom-role");

/// The action that makes a role assignment.
pub const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";
/// The action that deletes one.
pub const DELETE: &str = "Microsoft.Authorization/roleAssignments/delete";

/// A role assignment to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAssignment {
    /// Its name.
    pub name: RoleAssignmentId,
    /// The principal that is to hold the role.
    pub principal: ObjectId,
    /// The role.
    pub role: RoleDefinitionId,
    /// Free-text description given by the creator.
    pub description: Option<String>,
}

/// The reason why a role assignment was not made.
#[derive(Debug, thiserror::Error)]
pub enum AssignmentError {
    /// The principal holds the role at the scope already, under another name.
    #[error("the role assignment exists already, as {0}")]
    Exists(RoleAssignmentId),
    /// There is an assignment of this name, and it is about something else.
    #[error("a role assignment's principal, role and scope cannot be changed")]
    UpdateNotPermitted,
    /// The tenant has no such principal.
    #[error("the principal {0} does not exist in the tenant {1}")]
    PrincipalNotFound(ObjectId, TenantId),
    /// There is no such role.
    #[error("the role definition {0} does not exist")]
    RoleNotFound(RoleDefinitionId),
    /// The role is a custom one that cannot be assigned at the scope.
    #[error("the role definition {0} cannot be assigned at the scope")]
    NotAssignable(RoleDefinitionId),
    /// The role is a custom one with data actions, and the scope is a management group.
    /// Source: Microsoft Learn, "Azure custom roles" (custom role limits).
    #[error("the role definition {0} has data actions and cannot be assigned at a management group")]
    DataActionsAtGroup(RoleDefinitionId),
    /// The subscription has [`ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX`] assignments.
    #[error("the subscription has {ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX} role assignments, the most it can have")]
    TooMany,
    /// The management group has [`ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX`] assignments.
    #[error(
        "the management group has {ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX} role assignments, the most it can have"
    )]
    TooManyAtGroup,
    /// It makes the last owner of the root one.
    #[error("it makes the last owner of the root one")]
    LastOwner,
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
