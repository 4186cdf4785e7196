//! What one principal holds.

use super::{ROLE_ASSIGNMENTS, ScopeKey};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, RoleDefinitionId, TenantId};

/// The roles that one principal holds in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    pub(super) tenant: TenantId,
    pub(super) principal: ObjectId,
    pub(super) roles: Vec<(ScopeKey, RoleDefinitionId)>,
}

impl Grants {
    /// From role assignments read before, for instance from a view.
    pub fn new(
        tenant: TenantId,
        principal: ObjectId,
        roles: impl IntoIterator<Item = (ScopeKey, RoleDefinitionId)>,
    ) -> Self {
        Self { tenant, principal, roles: roles.into_iter().collect() }
    }

    /// From the store. In a transaction they become a condition of its commit: a write is allowed at
    /// the revision that it commits at.
    pub fn load(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<Self, StoreError> {
        let rows = tx.page(&ROLE_ASSIGNMENTS, &(tenant, principal), None, usize::MAX)?;
        Ok(Self::new(tenant, principal, rows.into_iter().map(|(_, row)| (row.scope, row.role))))
    }

    /// The scopes and roles held.
    pub fn roles(&self) -> &[(ScopeKey, RoleDefinitionId)] {
        &self.roles
    }

    /// The principal.
    pub fn principal(&self) -> ObjectId {
        self.principal
    }
}
