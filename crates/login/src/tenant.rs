//! The tenant in a path.

use crate::Cx;
use crate::fault::Fault;
use bonafide_types::TenantId;

/// The tenant that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named<'r> {
    /// One tenant, which exists.
    One(TenantId),
    /// `common` or `organizations`, as written: any tenant.
    Any(&'r str),
}

impl<'r> Named<'r> {
    /// Finds the tenant of a path segment. Only ids name tenants here; a domain name is one that no
    /// tenant has.
    pub(crate) fn find(cx: &Cx<'_>, segment: &'r str) -> Result<Self, Fault> {
        if segment.eq_ignore_ascii_case("common") || segment.eq_ignore_ascii_case("organizations") {
            return Ok(Self::Any(segment));
        }
        match segment.parse::<TenantId>() {
            Ok(id) if cx.view.tenant(id).is_some() => Ok(Self::One(id)),
            Ok(_) => Err(Fault::UnknownTenant(segment.to_owned())),
            Err(_) if is_domain(segment) => Err(Fault::UnknownTenant(segment.to_owned())),
            Err(_) => Err(Fault::TenantSpelling(segment.to_owned())),
        }
    }

    /// The tenant, if it is one.
    pub(crate) fn one(self) -> Option<TenantId> {
        match self {
            Self::One(id) => Some(id),
            Self::Any(_) => None,
        }
    }
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(id) => id.fmt(f),
            Self::Any(name) => f.write_str(&name.to_ascii_lowercase()),
        }
    }
}

fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}
