//! The role assignments of one principal, with the permissions of their roles.

use super::custom_roles::{CUSTOM_ROLES, CustomRole};
use super::{Chain, Permission, Plane, ROLE_ASSIGNMENTS, ScopeKey, roles};
use crate::tokens::Caller;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, RoleDefinitionId, TenantId};
use std::collections::BTreeMap;

/// The roles that one principal holds in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    pub(super) tenant: TenantId,
    pub(super) principal: ObjectId,
    pub(super) roles: Vec<(ScopeKey, RoleDefinitionId)>,
    /// The custom roles among them, as they are at the revision that was read.
    custom: BTreeMap<RoleDefinitionId, CustomRole>,
}

impl Grants {
    /// Built-in roles that are known to be held.
    pub fn new(
        tenant: TenantId,
        principal: ObjectId,
        roles: impl IntoIterator<Item = (ScopeKey, RoleDefinitionId)>,
    ) -> Self {
        Self { tenant, principal, roles: roles.into_iter().collect(), custom: BTreeMap::new() }
    }

    /// Those of the caller of a request; `None` when its token no longer counts ([`Caller::is_alive`]). There is no other way
    /// from a token to a right, so that no service can leave the question out.
    ///
    /// # Errors
    /// The store's.
    pub fn of(tx: &impl Read, caller: &Caller) -> Result<Option<Self>, StoreError> {
        if caller.is_alive(tx)? { Self::load(tx, caller.tenant, caller.object_id).map(Some) } else { Ok(None) }
    }

    /// Those of a principal that need not show a token. In a transaction they become a condition of its commit, and so does each custom role
    /// among them: a write is allowed at the revision that it commits at. Built-in roles are not stored, so
    /// that nothing is read for them.
    pub(super) fn load(tx: &impl Read, tenant: TenantId, principal: ObjectId) -> Result<Self, StoreError> {
        let rows = tx.page(&ROLE_ASSIGNMENTS, &(tenant, principal), None, usize::MAX)?;
        let mut grants = Self::new(tenant, principal, rows.into_iter().map(|(_, row)| (row.scope, row.role)));
        let not_built_in = |(_, id): &&(ScopeKey, RoleDefinitionId)| roles::by_id(*id).is_none();
        for (_, id) in grants.roles.iter().filter(not_built_in) {
            if !grants.custom.contains_key(id)
                && let Some(role) = tx.get(&CUSTOM_ROLES, &(tenant, *id))?
            {
                grants.custom.insert(*id, role);
            }
        }
        Ok(grants)
    }

    /// The scopes and roles held.
    pub fn roles(&self) -> &[(ScopeKey, RoleDefinitionId)] {
        &self.roles
    }

    /// The permissions that a role which is held gives at the scope of `chain`, wherever it is held. A custom
    /// role gives them inside its assignable scopes only.
    pub fn permissions(&self, role: RoleDefinitionId, chain: &Chain) -> &[Permission] {
        if let Some(built_in) = roles::by_id(role) {
            return &built_in.permissions;
        }
        let custom = self.custom.get(&role).filter(|role| role.is_assignable_at(chain));
        custom.map_or(&[], |role| &role.permissions)
    }

    /// True when a role that is held anywhere grants an action, wherever that role is valid.
    pub(super) fn grant_somewhere(&self, action: &str, plane: Plane) -> bool {
        let of_custom = self.custom.values().flat_map(|role| &role.permissions);
        let of_built_in = self.roles.iter().filter_map(|(_, id)| roles::by_id(*id)).flat_map(|role| &role.permissions);
        of_custom.chain(of_built_in).any(|permission| permission.grants(action, plane))
    }

    /// The principal.
    pub fn principal(&self) -> ObjectId {
        self.principal
    }
}
