//! The check: grants, a scope's chain, an action; allowed or not.

use super::{ROLE_ASSIGNMENTS, ScopeKey, roles};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, RoleDefinitionId, TenantId};

/// Which of a role's two sets of operations is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Managing resources: `actions`.
    Control,
    /// What is inside resources: `dataActions`.
    Data,
}

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

/// The roles that one principal holds in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    tenant: TenantId,
    principal: ObjectId,
    roles: Vec<(ScopeKey, RoleDefinitionId)>,
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

/// Proof that a check was passed: what needs permission takes it. [`check`] makes one for a caller,
/// [`Allowed::system`] one for the first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(Proof);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    Granted { principal: ObjectId, tenant: TenantId, scope: ScopeKey, action: Box<str>, plane: Plane },
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
            Proof::Granted { principal, .. } => Some(principal),
            Proof::System { .. } => None,
        }
    }

    /// Whether this is the proof for just this action in this place. A proof for anything else is worth
    /// nothing, even where the same role would grant both.
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm(&self, tenant: TenantId, scope: ScopeKey, action: &str, plane: Plane) -> Result<(), WrongProof> {
        self.confirm_when(tenant, scope, plane, |granted| granted == action)
    }

    /// Whether this is the proof for a write on a resource of a type: `{type}/write`, or an action of the type
    /// (`{type}/start/action`).
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm_write(&self, tenant: TenantId, scope: ScopeKey, type_name: &str) -> Result<(), WrongProof> {
        self.confirm_when(tenant, scope, Plane::Control, |granted| match verb_of(granted, type_name) {
            Some("write") => true,
            Some(verb) => verb.strip_suffix("/action").is_some_and(|name| !name.contains('/')),
            None => false,
        })
    }

    /// Whether this is the proof for the deletion of a resource of a type.
    ///
    /// # Errors
    /// [`WrongProof`], which is a mistake in the caller's code.
    pub fn confirm_delete(&self, tenant: TenantId, scope: ScopeKey, type_name: &str) -> Result<(), WrongProof> {
        self.confirm_when(tenant, scope, Plane::Control, |granted| verb_of(granted, type_name) == Some("delete"))
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

/// No role of the principal grants the action there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no role assignment grants this")]
pub struct Denied;

/// Whether a role held at the scope or above it grants the action. Roles add up; what one takes away
/// (`notActions`) another can still grant. Roles of another tenant count for nothing.
pub fn check(grants: &Grants, chain: &Chain, action: &str, plane: Plane) -> Result<Allowed, Denied> {
    let granted = grants.tenant == chain.tenant
        && grants.roles.iter().any(|(scope, role)| {
            chain.scopes.contains(scope) && roles::by_id(*role).is_some_and(|role| role.grants(action, plane))
        });
    if granted {
        Ok(Allowed(Proof::Granted {
            principal: grants.principal,
            tenant: chain.tenant,
            scope: chain.scope(),
            action: action.into(),
            plane,
        }))
    } else {
        Err(Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_types::{ResourceUuid, SubscriptionId};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn chain(tenant: u128) -> Chain {
        Chain::root(TenantId::new(id(tenant)))
            .then(ScopeKey::Subscription(SubscriptionId::new(id(1))))
            .then(ScopeKey::Group(ResourceUuid::new(id(2))))
            .then(ScopeKey::Resource(ResourceUuid::new(id(3))))
    }

    fn grants(tenant: u128, held: &[(ScopeKey, &str)]) -> Grants {
        let held = held.iter().map(|(scope, role)| (*scope, roles::by_name(role).unwrap().id));
        Grants::new(TenantId::new(id(tenant)), ObjectId::new(id(9)), held)
    }

    const READ: &str = "Microsoft.Compute/virtualMachines/read";

    #[test]
    fn a_role_counts_at_its_scope_and_below() {
        for scope in chain(7).scopes() {
            assert!(check(&grants(7, &[(*scope, "Reader")]), &chain(7), READ, Plane::Control).is_ok());
        }
        let group = Chain::root(TenantId::new(id(7))).then(ScopeKey::Group(ResourceUuid::new(id(2))));
        for beside in [ScopeKey::Resource(ResourceUuid::new(id(3))), ScopeKey::Resource(ResourceUuid::new(id(2)))] {
            assert_eq!(check(&grants(7, &[(beside, "Owner")]), &group, READ, Plane::Control), Err(Denied));
        }
    }

    #[test]
    fn tn_02_roles_of_another_tenant_count_for_nothing() {
        let held = grants(8, &[(ScopeKey::Root, "Owner"), (chain(7).scope(), "Owner")]);
        assert_eq!(check(&held, &chain(7), READ, Plane::Control), Err(Denied));
        assert!(check(&held, &chain(8), READ, Plane::Control).is_ok());
    }

    #[test]
    fn a_proof_is_worth_something_for_its_own_action_and_place_only() {
        let held = grants(7, &[(ScopeKey::Root, "Owner")]);
        let allowed = check(&held, &chain(7), READ, Plane::Control).unwrap();
        let (tenant, scope) = (chain(7).tenant(), chain(7).scope());
        assert_eq!(allowed.confirm(tenant, scope, READ, Plane::Control), Ok(()));
        let write = "Microsoft.Compute/virtualMachines/write";
        assert_eq!(allowed.confirm(tenant, scope, write, Plane::Control), Err(WrongProof));
        assert_eq!(allowed.confirm(tenant, scope, READ, Plane::Data), Err(WrongProof));
        assert_eq!(allowed.confirm(tenant, ScopeKey::Root, READ, Plane::Control), Err(WrongProof));
        assert_eq!(allowed.confirm(TenantId::new(id(8)), scope, READ, Plane::Control), Err(WrongProof));
    }

    #[test]
    fn a_proof_of_a_write_is_for_the_type_itself() {
        let held = grants(7, &[(ScopeKey::Root, "Owner")]);
        let machine = "Microsoft.Compute/virtualMachines";
        let proof = |verb: &str| check(&held, &chain(7), &format!("{machine}/{verb}"), Plane::Control).unwrap();
        let (tenant, scope) = (chain(7).tenant(), chain(7).scope());
        for verb in ["write", "start/action"] {
            assert_eq!(proof(verb).confirm_write(tenant, scope, "microsoft.compute/VIRTUALMACHINES"), Ok(()), "{verb}");
            assert_eq!(proof(verb).confirm_delete(tenant, scope, machine), Err(WrongProof), "{verb}");
        }
        for verb in ["read", "delete", "extensions/write", "extensions/start/action", "writes"] {
            assert_eq!(proof(verb).confirm_write(tenant, scope, machine), Err(WrongProof), "{verb}");
        }
        assert_eq!(proof("delete").confirm_delete(tenant, scope, machine), Ok(()));
        assert_eq!(proof("write").confirm_write(tenant, ScopeKey::Root, machine), Err(WrongProof));
    }

    #[test]
    fn the_system_may_do_everything_in_its_tenant_only() {
        let (here, elsewhere) = (chain(7), chain(8));
        let system = Allowed::system(here.tenant());
        assert_eq!(system.principal(), None);
        assert_eq!(system.confirm(here.tenant(), here.scope(), READ, Plane::Control), Ok(()));
        assert_eq!(system.confirm(elsewhere.tenant(), elsewhere.scope(), READ, Plane::Control), Err(WrongProof));
    }

    proptest! {
        #[test]
        fn more_roles_never_allow_less(picks in proptest::collection::vec(0_usize..928, 1..6), extra in 0_usize..928) {
            let held = |picks: &[usize]| Grants::new(
                TenantId::new(id(7)), ObjectId::new(id(9)), picks.iter().map(|at| (ScopeKey::Root, roles::all()[*at].id)));
            let more: Vec<usize> = picks.iter().copied().chain([extra]).collect();
            for action in [READ, "Microsoft.Authorization/roleAssignments/write", "Microsoft.Compute/virtualMachines/delete"] {
                let (less, more) = (held(&picks), held(&more));
                if check(&less, &chain(7), action, Plane::Control).is_ok() {
                    prop_assert!(check(&more, &chain(7), action, Plane::Control).is_ok());
                }
            }
        }
    }
}
