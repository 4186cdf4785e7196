//! The role assignments of one principal, with the permissions of their roles. They are read as far as checks ask for
//! them, by the scope at which they are held: the cost of a check does not depend on what is held elsewhere.

use super::custom_roles::{CUSTOM_ROLES, CustomRole};
use super::{Chain, Permission, Plane, ScopeKey, assignments, roles};
use crate::tokens::Caller;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, RoleDefinitionId, TenantId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

/// Roles that are looked at to tell whether any of them grants something anywhere. Source: ours; who holds more is not
/// told from somebody who could be granted it.
const LOOKED_AT_MAX: usize = 64;

/// The roles that one principal holds in one tenant, at the revision of the transaction in which they are asked for.
#[derive(Debug, Clone)]
pub struct Grants {
    pub(super) tenant: TenantId,
    pub(super) principal: ObjectId,
    /// The roles at the scopes that were asked for.
    held: RefCell<BTreeMap<ScopeKey, Rc<[RoleDefinitionId]>>>,
    /// The custom roles that were asked for; `None` where there is no such role.
    custom: RefCell<BTreeMap<RoleDefinitionId, Option<Rc<CustomRole>>>>,
}

/// The permissions of a role.
pub enum Permissions {
    /// Of a built-in one.
    BuiltIn(&'static [Permission]),
    /// Of a custom one.
    Custom(Rc<CustomRole>),
}

impl Deref for Permissions {
    type Target = [Permission];

    fn deref(&self) -> &[Permission] {
        match self {
            Self::BuiltIn(permissions) => permissions,
            Self::Custom(role) => &role.permissions,
        }
    }
}

impl Grants {
    /// Those of the caller of a request; `None` when its token no longer counts ([`Caller::is_alive`]). There is no other way
    /// from a token to a right, so that no service can leave the question out.
    ///
    /// # Errors
    /// The store's.
    pub fn of(tx: &impl Read, caller: &Caller) -> Result<Option<Self>, StoreError> {
        Ok(caller.is_alive(tx)?.then(|| Self::new(caller.tenant, caller.object_id)))
    }

    /// Those of a principal that need not show a token.
    pub(super) fn new(tenant: TenantId, principal: ObjectId) -> Self {
        Self { tenant, principal, held: RefCell::default(), custom: RefCell::default() }
    }

    /// Those of a principal that is known to hold these, and nothing in the store.
    #[cfg(test)]
    pub(super) fn known(
        tenant: TenantId,
        principal: ObjectId,
        roles: impl IntoIterator<Item = (ScopeKey, RoleDefinitionId)>,
    ) -> Self {
        let grants = Self::new(tenant, principal);
        for (scope, role) in roles {
            let mut held = grants.held.borrow_mut();
            let here: Vec<RoleDefinitionId> =
                held.get(&scope).into_iter().flat_map(|here| here.iter().copied()).chain([role]).collect();
            held.insert(scope, here.into());
        }
        grants
    }

    /// The roles that are held at just this scope. In a transaction they become a condition of its commit, and so does each
    /// custom role whose permissions are asked for: a write is allowed at the revision that it commits at.
    pub fn roles_at(&self, tx: &impl Read, scope: ScopeKey) -> Result<Rc<[RoleDefinitionId]>, StoreError> {
        if let Some(known) = self.held.borrow().get(&scope) {
            return Ok(Rc::clone(known));
        }
        let found: Rc<[RoleDefinitionId]> = assignments::roles_at(tx, self.tenant, self.principal, scope)?.into();
        self.held.borrow_mut().insert(scope, Rc::clone(&found));
        Ok(found)
    }

    /// The permissions that a role which is held gives at the scope of `chain`, wherever it is held. A custom
    /// role gives them inside its assignable scopes only. Built-in roles are not stored, so that nothing is read for them.
    pub fn permissions(
        &self,
        tx: &impl Read,
        role: RoleDefinitionId,
        chain: &Chain,
    ) -> Result<Permissions, StoreError> {
        if let Some(built_in) = roles::by_id(role) {
            return Ok(Permissions::BuiltIn(&built_in.permissions));
        }
        let custom = self.custom(tx, role)?.filter(|role| role.is_assignable_at(chain));
        Ok(custom.map_or(Permissions::BuiltIn(&[]), Permissions::Custom))
    }

    fn custom(&self, tx: &impl Read, id: RoleDefinitionId) -> Result<Option<Rc<CustomRole>>, StoreError> {
        if let Some(known) = self.custom.borrow().get(&id) {
            return Ok(known.clone());
        }
        let found = tx.get(&CUSTOM_ROLES, &(self.tenant, id))?.map(Rc::new);
        self.custom.borrow_mut().insert(id, found.clone());
        Ok(found)
    }

    /// False when certainly no role that is held anywhere grants an action, wherever that role is valid.
    pub(super) fn may_grant_somewhere(&self, tx: &impl Read, action: &str, plane: Plane) -> Result<bool, StoreError> {
        let held = assignments::roles_anywhere(tx, self.tenant, self.principal, LOOKED_AT_MAX)?;
        if held.len() == LOOKED_AT_MAX {
            return Ok(true);
        }
        for role in held {
            let grants =
                |permissions: &[Permission]| permissions.iter().any(|permission| permission.grants(action, plane));
            let granted = match roles::by_id(role) {
                Some(built_in) => grants(&built_in.permissions),
                None => self.custom(tx, role)?.is_some_and(|role| grants(&role.permissions)),
            };
            if granted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The principal.
    pub fn principal(&self) -> ObjectId {
        self.principal
    }
}
