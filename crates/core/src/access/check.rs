//! The check: grants, a scope's chain, an action; allowed or not.

use super::proof::Proof;
use super::{Allowed, Chain, Grants, Plane};

/// No role of the principal grants the action there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no role assignment grants this")]
pub struct Denied;

/// Checks that a role held at the scope or above it grants the action. Roles add up; an action that one takes away
/// (`notActions`) another can still grant. Roles of another tenant grant nothing.
pub fn check(grants: &Grants, chain: &Chain, action: &str, plane: Plane) -> Result<Allowed, Denied> {
    let granted = grants.tenant == chain.tenant()
        && grants.roles.iter().any(|(scope, role)| {
            chain.scopes().contains(scope)
                && grants.permissions(*role, chain).iter().any(|permission| permission.grants(action, plane))
        });
    if granted {
        Ok(Allowed(Proof::Granted {
            principal: grants.principal,
            tenant: chain.tenant(),
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
    use crate::access::{ScopeKey, WrongProof, roles};
    use bonafide_types::{ObjectId, ResourceUuid, SubscriptionId, TenantId};
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
        assert_eq!(proof("write").confirm_write(tenant, scope, "microsoft.compute/VIRTUALMACHINES"), Ok(()));
        assert_eq!(proof("write").confirm_delete(tenant, scope, machine), Err(WrongProof));
        let start = proof("start/action").as_write(machine, "start/action").unwrap();
        assert_eq!(start.confirm_write(tenant, scope, machine), Ok(()));
        assert_eq!(proof("start/action").as_write(machine, "powerOff/action"), Err(WrongProof));
        assert_eq!(proof("read").as_write(machine, "start/action"), Err(WrongProof));
        for verb in ["read", "delete", "start/action", "extensions/write", "extensions/start/action", "writes"] {
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
