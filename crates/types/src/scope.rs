//! Scopes: where a role assignment holds.

use crate::{ResourceId, ResourceIdError};
use std::fmt;

/// The root or an ARM id. A scope covers itself and everything below it, by whole path segments
/// and without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `/`: everything of the tenant.
    Root,
    /// A subscription, resource group or resource.
    Id(ResourceId),
}

impl Scope {
    /// Reads `/` or an ARM id.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        if text == "/" { Ok(Self::Root) } else { ResourceId::parse(text).map(Self::Id) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("/"),
            Self::Id(id) => id.fmt(f),
        }
    }
}
