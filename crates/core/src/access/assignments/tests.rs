use super::*;
use crate::access::{Allowed, Chain, Grants, Plane, check};
use crate::directory::create_application;
use bonafide_store::{Store, Tx};
use bonafide_types::{Entropy, ResourceUuid, World};
use std::sync::atomic::{AtomicU8, Ordering};
use uuid::Uuid;

struct Counter(AtomicU8);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

const TENANT: TenantId = TenantId::new(Uuid::from_u128(1));

fn chain() -> Chain {
    Chain::root(TENANT)
        .then(ScopeKey::Subscription(SubscriptionId::new(Uuid::from_u128(2))))
        .then(ScopeKey::Group(ResourceUuid::new(Uuid::from_u128(3))))
}

fn system() -> Allowed {
    Allowed::system(TENANT)
}

fn with_principal(test: impl Fn(&mut Tx<'_>, &World<'_>, NewAssignment)) {
    let store = Store::in_memory();
    let entropy = Counter(AtomicU8::new(10));
    let world = World { now: Timestamp::from_unix_seconds(1_800_000_000), entropy: &entropy };
    store
        .write(|tx| {
            let (principal, _) = create_application(tx, &world, TENANT, "app")?;
            let name = RoleAssignmentId::random(&entropy);
            let role = roles::by_name("Reader").unwrap().id;
            test(tx, &world, NewAssignment { name, principal, role, description: None });
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn a_role_assignment_grants_from_the_transaction_on_that_makes_it() {
    with_principal(|tx, world, new| {
        let read = "Microsoft.Compute/virtualMachines/read";
        let allowed = |tx: &Tx<'_>| {
            let grants = Grants::new(TENANT, new.principal);
            check(tx, &grants, &chain(), read, Plane::Control).unwrap().is_ok()
        };
        assert!(!allowed(tx));
        let (key, row) = create(tx, world, &system(), &chain(), &new).unwrap();
        assert!(allowed(tx));
        assert_eq!(by_name(tx, TENANT, new.name).unwrap(), Some((key, row)));
        assert_eq!(delete_at(tx, TENANT, chain().scope(), 2).unwrap(), 1);
        assert!(!allowed(tx));
    });
}

#[test]
fn a_proof_for_something_else_neither_makes_nor_deletes_a_role_assignment() {
    with_principal(|tx, world, new| {
        let owner = roles::by_name("Owner").unwrap().id;
        let grants = Grants::known(TENANT, new.principal, [(ScopeKey::Root, owner)]);
        let proof =
            |tx: &Tx<'_>, chain: &Chain, action| check(tx, &grants, chain, action, Plane::Control).unwrap().unwrap();
        let root = Chain::root(TENANT);
        for (chain_of_proof, action) in [(&root, WRITE), (&chain(), DELETE), (&chain(), "Microsoft.X/y/write")] {
            let error = create(tx, world, &proof(tx, chain_of_proof, action), &chain(), &new).unwrap_err();
            assert!(matches!(error, AssignmentError::WrongProof(_)), "{error}");
        }
        let (key, _) = create(tx, world, &proof(tx, &chain(), WRITE), &chain(), &new).unwrap();
        for (chain_of_proof, action) in [(&root, DELETE), (&chain(), WRITE)] {
            let error = delete(tx, &proof(tx, chain_of_proof, action), &key).unwrap_err();
            assert!(matches!(error, AssignmentError::WrongProof(_)), "{error}");
        }
        delete(tx, &proof(tx, &chain(), DELETE), &key).unwrap();
        assert_eq!(by_name(tx, TENANT, new.name).unwrap(), None);
    });
}

#[test]
fn one_role_is_held_at_one_scope_once() {
    with_principal(|tx, world, new| {
        create(tx, world, &system(), &chain(), &new).unwrap();
        let described = NewAssignment { description: Some("why".to_owned()), ..new.clone() };
        assert_eq!(create(tx, world, &system(), &chain(), &described).unwrap().1.description, described.description);
        let other_name = NewAssignment { name: RoleAssignmentId::random(world.entropy), ..new.clone() };
        let error = create(tx, world, &system(), &chain(), &other_name).unwrap_err();
        assert!(matches!(error, AssignmentError::Exists(name) if name == new.name), "{error}");
        let owner = roles::by_name("Owner").unwrap().id;
        for (chain, changed) in [
            (chain(), NewAssignment { role: owner, ..new.clone() }),
            (Chain::root(TENANT), new.clone()),
            (chain(), NewAssignment { principal: ObjectId::random(world.entropy), ..new.clone() }),
        ] {
            let error = create(tx, world, &system(), &chain, &changed).unwrap_err();
            assert!(matches!(error, AssignmentError::UpdateNotPermitted), "{error}");
        }
    });
}

#[test]
fn tn_02_a_principal_of_another_tenant_does_not_exist_here() {
    with_principal(|tx, world, new| {
        let elsewhere = Chain::root(TenantId::new(Uuid::from_u128(9)));
        let error = create(tx, world, &Allowed::system(elsewhere.tenant()), &elsewhere, &new).unwrap_err();
        assert!(matches!(error, AssignmentError::PrincipalNotFound(..)), "{error}");
        let stranger = NewAssignment { principal: ObjectId::random(world.entropy), ..new };
        let error = create(tx, world, &system(), &chain(), &stranger).unwrap_err();
        assert!(matches!(error, AssignmentError::PrincipalNotFound(..)), "{error}");
    });
}

#[test]
fn an_unknown_role_is_refused() {
    with_principal(|tx, world, new| {
        let unknown = NewAssignment { role: RoleDefinitionId::random(world.entropy), ..new };
        let error = create(tx, world, &system(), &chain(), &unknown).unwrap_err();
        assert!(matches!(error, AssignmentError::RoleNotFound(_)), "{error}");
    });
}
