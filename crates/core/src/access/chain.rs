//! Where a check is made: a scope with everything above it.

use super::ScopeKey;
use bonafide_types::TenantId;

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
