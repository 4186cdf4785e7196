//! Scopes: where a role assignment holds.

use crate::{ResourceId, ResourceIdError};
use std::fmt;

/// The type of a management group.
pub const MANAGEMENT_GROUP_TYPE: &str = "Microsoft.Management/managementGroups";

/// The root, a management group or an ARM id. A scope covers itself and everything below it, whatever its case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `/`: everything of the tenant.
    Root,
    /// `/providers/Microsoft.Management/managementGroups/{name}`: the subscriptions that lie in it, and its groups.
    ManagementGroup(ResourceId),
    /// A subscription, resource group or resource.
    Id(ResourceId),
}

impl Scope {
    /// Reads `/` or an ARM id.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        if text == "/" { Ok(Self::Root) } else { ResourceId::parse(text).map(Self::of) }
    }

    /// The scope that an id names.
    pub fn of(id: ResourceId) -> Self {
        if id.subscription().is_none() && id.parent().is_none() && id.is_of(MANAGEMENT_GROUP_TYPE) {
            Self::ManagementGroup(id)
        } else {
            Self::Id(id)
        }
    }

    /// The id, of all but the root.
    pub fn id(&self) -> Option<&ResourceId> {
        match self {
            Self::Root => None,
            Self::ManagementGroup(id) | Self::Id(id) => Some(id),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("/"),
            Self::ManagementGroup(id) | Self::Id(id) => id.fmt(f),
        }
    }
}
