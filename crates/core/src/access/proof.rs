//! The proof of permission that a write takes.

use super::{CHANGE_DIRECTORY, Plane, ScopeKey};
use bonafide_types::{ObjectId, TenantId};

/// Proof that a check was passed: what needs permission takes it. [`check`] makes one for a caller,
/// [`Allowed::system`] one for the first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(pub(super) Proof);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    Granted { principal: ObjectId, tenant: TenantId, scope: ScopeKey, action: Box<str>, plane: Plane },
    Owner { principal: ObjectId, tenant: TenantId, object: ObjectId },
    System { tenant: TenantId },
}

impl Allowed {
    /// The right of the system itself to everything in a tenant, before anybody is there who could hold a
    /// role. Only the first start and whoever has its files may use it (`clippy.toml`).
    pub fn system(tenant: TenantId) -> Self {
        Self(Proof::System { tenant })
    }

    /// The principal that was allowed; `None` for the system.
    pub fn principal(&self) -> Option<ObjectId> {
        match self.0 {
            Proof::Granted { principal, .. } | Proof::Owner { principal, .. } => Some(principal),
            Proof::System { .. } => None,
        }
    }

    /// Confirms that this is the proof for just this action in this place. A proof for anything else is worth
    /// nothing, even where the same role would grant both.
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm(&self, tenant: TenantId, scope: ScopeKey, action: &str, plane: Plane) -> Result<(), WrongProof> {
        self.confirm_when(tenant, scope, plane, |granted| granted == action)
    }

    /// Confirms that this is the proof for a write on a resource of a type, `{type}/write`.
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm_write(&self, tenant: TenantId, scope: ScopeKey, type_name: &str) -> Result<(), WrongProof> {
        self.confirm_when(tenant, scope, Plane::Control, |granted| verb_of(granted, type_name) == Some("write"))
    }

    /// The proof of a write, made from the proof of the action `{type}/{action}` that does just that: it changes
    /// the resource that it is allowed on (`start/action`).
    ///
    /// # Errors
    /// [`WrongProof`] when this is the proof for something else.
    pub fn as_write(&self, type_name: &str, action: &str) -> Result<Self, WrongProof> {
        match &self.0 {
            Proof::System { .. } => Ok(self.clone()),
            Proof::Granted { principal, tenant, scope, action: granted, plane: Plane::Control }
                if verb_of(granted, type_name) == Some(action) =>
            {
                let action = format!("{type_name}/write").into();
                let (principal, tenant, scope) = (*principal, *tenant, *scope);
                Ok(Self(Proof::Granted { principal, tenant, scope, action, plane: Plane::Control }))
            }
            Proof::Granted { .. } | Proof::Owner { .. } => Err(WrongProof),
        }
    }

    /// Confirms that this is the proof for the deletion of a resource of a type.
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm_delete(&self, tenant: TenantId, scope: ScopeKey, type_name: &str) -> Result<(), WrongProof> {
        self.confirm_when(tenant, scope, Plane::Control, |granted| verb_of(granted, type_name) == Some("delete"))
    }

    /// Confirms that this is the proof for changing an object of the directory: that of who may change all of it, or of an
    /// owner of this very object.
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm_manage(&self, in_tenant: TenantId, of: ObjectId) -> Result<(), WrongProof> {
        match &self.0 {
            Proof::Owner { tenant, object, .. } if *tenant == in_tenant && *object == of => Ok(()),
            _ => self.confirm_change(in_tenant),
        }
    }

    /// Confirms that this is the proof for changing the whole directory of a tenant.
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm_change(&self, in_tenant: TenantId) -> Result<(), WrongProof> {
        self.confirm(in_tenant, ScopeKey::Root, CHANGE_DIRECTORY, Plane::Control)
    }

    fn confirm_when(
        &self,
        in_tenant: TenantId,
        at: ScopeKey,
        on: Plane,
        is_right: impl Fn(&str) -> bool,
    ) -> Result<(), WrongProof> {
        let right = match &self.0 {
            Proof::System { tenant } => *tenant == in_tenant,
            Proof::Owner { .. } => false,
            Proof::Granted { tenant, scope, action, plane, .. } => {
                *tenant == in_tenant && *scope == at && *plane == on && is_right(action)
            }
        };
        if right { Ok(()) } else { Err(WrongProof) }
    }
}

/// The part of an action behind its type; `None` for an action of another type.
fn verb_of<'a>(action: &'a str, type_name: &str) -> Option<&'a str> {
    let (of_type, verb) = action.split_at_checked(type_name.len())?;
    verb.strip_prefix('/').filter(|_| of_type.eq_ignore_ascii_case(type_name))
}

/// A proof that belongs to another action or another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof of permission is for something else")]
pub struct WrongProof;
