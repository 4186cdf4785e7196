//! Scopes by what they are, not by what they are called: a move or another spelling changes nothing.

use crate::directory::{GROUP_TYPE, Resource};
use bonafide_store::Key;
use bonafide_types::{ResourceUuid, SubscriptionId};
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
}

impl ScopeKey {
    /// The scope that a stored resource or resource group is.
    pub fn of(uuid: ResourceUuid, resource: &Resource) -> Self {
        if resource.id.is_of(GROUP_TYPE) { Self::Group(uuid) } else { Self::Resource(uuid) }
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
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        *bytes = rest;
        match tag {
            0 => Some(Self::Root),
            1 => SubscriptionId::take(bytes).map(Self::Subscription),
            2 => ResourceUuid::take(bytes).map(Self::Group),
            3 => ResourceUuid::take(bytes).map(Self::Resource),
            _ => None,
        }
    }
}
