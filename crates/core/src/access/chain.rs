//! The place of a check: a scope with everything above it.

use super::ScopeKey;
use crate::directory::{RESOURCES, Resource};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceUuid, TenantId};

/// A scope with everything above it, outermost first, and the tenant that it all belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    tenant: TenantId,
    scopes: Vec<ScopeKey>,
}

impl Chain {
    /// The root of a tenant.
    pub fn root(tenant: TenantId) -> Self {
        Self { tenant, scopes: vec![ScopeKey::Root] }
    }

    /// This chain and one scope inside it.
    #[must_use]
    pub fn then(mut self, scope: ScopeKey) -> Self {
        self.scopes.push(scope);
        self
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The scope itself: the innermost.
    pub fn scope(&self) -> ScopeKey {
        self.scopes.last().copied().unwrap_or(ScopeKey::Root)
    }

    /// All scopes, outermost first.
    pub fn scopes(&self) -> &[ScopeKey] {
        &self.scopes
    }
}

/// The scopes of a stored resource, outermost first.
pub fn chain_of(tx: &impl Read, uuid: ResourceUuid, resource: &Resource) -> Result<Chain, StoreError> {
    let mut inner = Vec::new();
    let mut parent = resource.parent;
    while let Some(uuid) = parent {
        inner.push(ScopeKey::Resource(uuid));
        parent = tx.get(&RESOURCES, &uuid)?.and_then(|above| above.parent);
    }
    let mut chain = Chain::root(resource.tenant);
    if let Some(subscription) = resource.subscription() {
        chain = chain.then(ScopeKey::Subscription(subscription));
    }
    if let Some(group) = resource.group {
        chain = chain.then(ScopeKey::Group(group));
    }
    chain = inner.into_iter().rev().fold(chain, Chain::then);
    Ok(chain.then(ScopeKey::of(uuid, resource)))
}
