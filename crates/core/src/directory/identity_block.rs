//! The identity block of a resource, as stored.

use bonafide_types::{ClientId, ObjectId, ResourceId, ResourceUuid};
use serde::{Deserialize, Serialize};

/// The service principal behind a managed identity, by both its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalRef {
    /// `principalId`.
    pub principal_id: ObjectId,
    /// `clientId`.
    pub client_id: ClientId,
}

/// The identities of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceIdentity {
    /// The system-assigned identity, when it is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<PrincipalRef>,
    /// For a scale set: the version of its model that the system-assigned identity came with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub system_since: u64,
    /// The user-assigned identities, in the order of their assignment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<AssignedIdentity>,
    /// Those that its properties assign, in a member that `nested` of the resource manager knows: the kubelet's of a cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nested: Vec<AssignedIdentity>,
}

impl ResourceIdentity {
    /// True when there is no identity at all.
    pub fn is_empty(&self) -> bool {
        self.system.is_none() && self.users.is_empty() && self.nested.is_empty()
    }

    /// All user-assigned identities, each once.
    pub fn assigned(&self) -> impl Iterator<Item = &AssignedIdentity> {
        let is_new = |nested: &&AssignedIdentity| !self.users.iter().any(|user| user.identity == nested.identity);
        self.users.iter().chain(self.nested.iter().filter(is_new))
    }
}

/// A user-assigned identity on a resource. The entry outlives the identity itself, as on Azure,
/// until it is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignedIdentity {
    /// The identity resource.
    pub identity: ResourceUuid,
    /// Its ARM id as the caller wrote it.
    pub id: ResourceId,
    /// For one of a scale set: the version of the set's model that it came with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub since: u64,
    /// Its service principal at the time of assignment; an identity's never changes.
    #[serde(flatten)]
    pub principal: PrincipalRef,
}

impl Change {
    /// The change that leaves these identities as they are.
    pub fn none(of: &ResourceIdentity) -> Self {
        Self { system: of.system.is_some(), ..Self::default() }
    }
}

/// The requested change of a resource's identities, with all null rules of the wire applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// True if the resource is to have a system-assigned identity.
    pub system: bool,
    /// User-assigned identities to add, by their ARM ids as written.
    pub add: Vec<ResourceId>,
    /// User-assigned identities to remove, whether they still exist or not.
    pub remove: Vec<ResourceId>,
    /// True if all user-assigned identities that are not added are to be removed.
    pub remove_all_users: bool,
    /// The user-assigned identities that the properties are to assign, all of them; `None` keeps those that they do.
    pub nested: Option<Vec<ResourceId>>,
}

pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}
