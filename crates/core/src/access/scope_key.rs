//! Scopes by what they are, not by what they are called: a move or another spelling changes nothing.

use crate::directory::{GROUP_TYPE, Resource, root_group_of};
use bonafide_store::Key;
use bonafide_types::{ManagementGroupUuid, ResourceUuid, SubscriptionId, TenantId};
use serde::{Deserialize, Serialize};

/// The scope of a role assignment, within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ScopeKey {
    /// Everything of the tenant.
    Root,
    /// A subscription.
    Subscription(SubscriptionId),
    /// A resource group, by its internal key.
    Group(ResourceUuid),
    /// A resource, by its internal key.
    Resource(ResourceUuid),
    /// A management group, by its internal key.
    ManagementGroup(ManagementGroupUuid),
}

impl ScopeKey {
    /// The scope that a stored resource or resource group is.
    pub fn of(uuid: ResourceUuid, resource: &Resource) -> Self {
        if resource.id.is_of(GROUP_TYPE) { Self::Group(uuid) } else { Self::Resource(uuid) }
    }

    /// The root management group of a tenant: below the root, above everything else.
    pub fn root_group(tenant: TenantId) -> Self {
        Self::ManagementGroup(root_group_of(tenant))
    }
}

impl Key for ScopeKey {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Root => out.push(0),
            Self::Subscription(id) => {
                out.push(1);
                id.encode(out);
            }
            Self::Group(uuid) => {
                out.push(2);
                uuid.encode(out);
            }
            Self::Resource(uuid) => {
                out.push(3);
                uuid.encode(out);
            }
            Self::ManagementGroup(uuid) => {
                out.push(MANAGEMENT_GROUP);
                uuid.encode(out);
            }
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        *bytes = rest;
        match *tag {
            0 => Some(Self::Root),
            1 => SubscriptionId::take(bytes).map(Self::Subscription),
            2 => ResourceUuid::take(bytes).map(Self::Group),
            3 => ResourceUuid::take(bytes).map(Self::Resource),
            MANAGEMENT_GROUP => ManagementGroupUuid::take(bytes).map(Self::ManagementGroup),
            _ => None,
        }
    }
}

/// The beginning of the encoding of management groups.
const MANAGEMENT_GROUP: u8 = 4;

/// Written like the beginning of every management group, never read back: for prefixes.
pub(super) struct AnyManagementGroup;

impl Key for AnyManagementGroup {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(MANAGEMENT_GROUP);
    }

    fn take(_bytes: &mut &[u8]) -> Option<Self> {
        None
    }
}
