//! The check of a right.

use super::condition::{Attributes, Condition, Truth};
use super::permission::Answer;
use super::proof::Proof;
use super::{Allowed, Chain, Grants, Plane};
use bonafide_store::{Read, StoreError};

/// No role of the principal grants the action there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no role assignment grants this")]
pub struct Denied;

/// The answer to whether a principal may do something, as long as nothing but the action and its place are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Granted(Allowed),
    /// It may if more holds, which is not known yet.
    Conditional(Conditional),
    /// It may not, whatever else holds.
    Denied,
}

/// A right under conditions, one of which must hold. It is no proof until [`Conditional::given`] makes it one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditional {
    proof: Proof,
    action: Box<str>,
    conditions: Vec<Condition>,
}

impl Conditional {
    /// The proof, if what is known now fulfils a condition.
    pub fn given(&self, attributes: &Attributes) -> Result<Allowed, Denied> {
        let holds = |condition: &Condition| condition.truth(&self.action, attributes) == Truth::True;
        if self.conditions.iter().any(holds) { Ok(Allowed(self.proof.clone())) } else { Err(Denied) }
    }
}

/// Decides whether a role held at the scope or above it grants the action. Roles add up; an action that one takes away
/// (`notActions`) another can still grant. Roles of another tenant grant nothing. From the outermost scope on: who may
/// do much is told soonest.
pub fn decide(
    tx: &impl Read,
    grants: &Grants,
    chain: &Chain,
    action: &str,
    plane: Plane,
) -> Result<Decision, StoreError> {
    let mut conditions = Vec::new();
    if grants.tenant != chain.tenant() {
        return Ok(Decision::Denied);
    }
    let proof = || Proof::Granted {
        principal: grants.principal,
        tenant: chain.tenant(),
        scope: chain.scope(),
        action: action.into(),
        plane,
    };
    for scope in chain.scopes() {
        for role in grants.roles_at(tx, *scope)?.iter() {
            for permission in &*grants.permissions(tx, *role, chain)? {
                match permission.answer(action, plane) {
                    Answer::Granted => return Ok(Decision::Granted(Allowed(proof()))),
                    Answer::If(condition) => conditions.push(condition.clone()),
                    Answer::Withheld => {}
                }
            }
        }
    }
    if conditions.is_empty() {
        return Ok(Decision::Denied);
    }
    Ok(Decision::Conditional(Conditional { proof: proof(), action: action.into(), conditions }))
}

/// The same where nothing more is going to be known: what is granted under a condition only is not granted.
pub fn check(
    tx: &impl Read,
    grants: &Grants,
    chain: &Chain,
    action: &str,
    plane: Plane,
) -> Result<Result<Allowed, Denied>, StoreError> {
    Ok(match decide(tx, grants, chain, action, plane)? {
        Decision::Granted(allowed) => Ok(allowed),
        Decision::Conditional(_) | Decision::Denied => Err(Denied),
    })
}

#[cfg(test)]
mod tests {
    use super::{Allowed, Chain, Denied, Grants, Plane, StoreError};
    use crate::access::{ScopeKey, WrongProof, roles};
    use bonafide_store::Store;
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
        Grants::known(TenantId::new(id(tenant)), ObjectId::new(id(9)), held)
    }

    /// The check where the store has nothing.
    fn check(grants: &Grants, chain: &Chain, action: &str, plane: Plane) -> Result<Allowed, Denied> {
        let checked = Store::in_memory().read(|tx| super::check(tx, grants, chain, action, plane));
        checked.map_err(|error: StoreError| panic!("{error}")).unwrap()
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
            let held = |picks: &[usize]| Grants::known(
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
