//! Custom role definitions.

use bonafide_core::access::custom_roles::{by_name, of_tenant};
use bonafide_core::access::definitions::{DELETE, WRITE, delete, write};
use bonafide_core::access::{
    Allowed, Assignable, AssignmentError, Chain, Grants, NewAssignment, NewRole, Permission, Plane, RoleError,
    ScopeKey, assignments, check, roles,
};
use bonafide_core::directory::{PRINCIPALS, create_application};
use bonafide_core::tokens::{Caller, TokenId};
use bonafide_crypto::SystemEntropy;
use bonafide_store::{Read, Store, StoreError, Tx};
use bonafide_types::{
    Entropy, ObjectId, ResourceId, ResourceUuid, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId,
    Timestamp, World,
};
use std::sync::atomic::{AtomicU8, Ordering};
use uuid::Uuid;

struct Counter(AtomicU8);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

const TENANT: TenantId = TenantId::new(Uuid::from_u128(1));
const OTHER: TenantId = TenantId::new(Uuid::from_u128(9));
const ROLE: RoleDefinitionId = RoleDefinitionId::new(Uuid::from_u128(7));
const READ: &str = "Microsoft.Compute/virtualMachines/read";

fn subscription(n: u128) -> ScopeKey {
    ScopeKey::Subscription(SubscriptionId::new(Uuid::from_u128(n)))
}

fn chain(n: u128) -> Chain {
    Chain::root(TENANT).then(subscription(n)).then(ScopeKey::Group(ResourceUuid::new(Uuid::from_u128(n))))
}

/// Grants an action in subscriptions.
fn role(name: &str, action: &'static str, subscriptions: &[u128]) -> NewRole {
    let permission = Permission { actions: vec![action.into()], ..Permission::default() };
    let assignable = |n: &u128| Assignable {
        scope: subscription(*n),
        id: ResourceId::of_subscription(SubscriptionId::new(Uuid::from_u128(*n))),
    };
    let assignable = subscriptions.iter().map(assignable).collect();
    NewRole { name: name.to_owned(), description: String::new(), permissions: vec![permission], assignable }
}

fn system() -> Vec<Allowed> {
    vec![Allowed::system(TENANT)]
}

fn in_store(test: impl Fn(&mut Tx<'_>, &World<'_>, ObjectId)) -> Store {
    let store = Store::in_memory();
    let entropy = Counter(AtomicU8::new(10));
    let world = World { now: Timestamp::from_unix_seconds(1_800_000_000), entropy: &entropy };
    let body = |tx: &mut Tx<'_>| {
        let (principal, _) = create_application(tx, &world, TENANT, "app")?;
        test(tx, &world, principal);
        Ok::<_, StoreError>(())
    };
    store.write(body).unwrap();
    store
}

fn assign(tx: &mut Tx<'_>, world: &World<'_>, principal: ObjectId, chain: &Chain) -> Result<(), AssignmentError> {
    let name = RoleAssignmentId::random(world.entropy);
    let new = NewAssignment { name, principal, role: ROLE, description: None };
    assignments::create(tx, world, &Allowed::system(chain.tenant()), chain, &new).map(drop)
}

fn may(tx: &Tx<'_>, principal: ObjectId, chain: &Chain, action: &str) -> bool {
    proof(tx, principal, chain, action).is_some()
}

fn proof(tx: &Tx<'_>, principal: ObjectId, chain: &Chain, action: &str) -> Option<Allowed> {
    let client_id = tx.get(&PRINCIPALS, &principal).unwrap().unwrap().client_id;
    let now = Timestamp::from_unix_seconds(0);
    let token_id = TokenId::new(&World { now, entropy: &SystemEntropy });
    let expires_at = now;
    let caller = Caller { tenant: TENANT, object_id: principal, client_id, workload: None, token_id, expires_at };
    let grants = Grants::of(tx, &caller).unwrap().unwrap();
    check(tx, &grants, chain, action, Plane::Control).unwrap().ok()
}

#[test]
fn a_custom_role_grants_what_it_says_now_inside_its_assignable_scopes_only() {
    in_store(|tx, world, principal| {
        let key = (TENANT, ROLE);
        write(tx, world, &system(), key, role("r", READ, &[2, 3])).unwrap();
        assign(tx, world, principal, &chain(2)).unwrap();
        assign(tx, world, principal, &chain(3)).unwrap();
        assert!(may(tx, principal, &chain(2), READ) && may(tx, principal, &chain(3), READ));
        assert!(!may(tx, principal, &chain(2), "Microsoft.Compute/virtualMachines/write"));
        let error = assign(tx, world, principal, &chain(4)).unwrap_err();
        assert!(matches!(error, AssignmentError::NotAssignable(_)), "{error}");
        let error = assign(tx, world, principal, &Chain::root(TENANT)).unwrap_err();
        assert!(matches!(error, AssignmentError::NotAssignable(_)), "{error}");
        // Narrower: the assignment in the other subscription stays and grants nothing.
        write(tx, world, &system(), key, role("r", "*", &[2])).unwrap();
        assert!(may(tx, principal, &chain(2), "Microsoft.Compute/virtualMachines/write"));
        assert!(!may(tx, principal, &chain(3), READ));
    });
}

#[test]
fn a_custom_role_that_somebody_holds_cannot_be_deleted() {
    in_store(|tx, world, principal| {
        let key = (TENANT, ROLE);
        let made = write(tx, world, &system(), key, role("r", READ, &[2])).unwrap();
        assign(tx, world, principal, &chain(2)).unwrap();
        assert!(matches!(delete(tx, &system(), key), Err(RoleError::HasAssignments(_))));
        assert_eq!(assignments::delete_at(tx, TENANT, chain(2).scope(), 9).unwrap(), 1);
        assert_eq!(delete(tx, &system(), key).unwrap(), Some(made));
        assert_eq!(delete(tx, &system(), key).unwrap(), None);
        let error = assign(tx, world, principal, &chain(2)).unwrap_err();
        assert!(matches!(error, AssignmentError::RoleNotFound(_)), "{error}");
    });
}

#[test]
fn a_name_is_given_once_and_built_in_roles_are_as_they_are() {
    in_store(|tx, world, _| {
        let other = (TENANT, RoleDefinitionId::new(Uuid::from_u128(8)));
        write(tx, world, &system(), (TENANT, ROLE), role("Größe", READ, &[2])).unwrap();
        for name in ["GRÖSSE", "größe", "reader", "Owner"] {
            let result = write(tx, world, &system(), other, role(name, READ, &[2]));
            assert_eq!(matches!(result, Err(RoleError::NameTaken)), name != "GRÖSSE", "{name}: {result:?}");
            delete(tx, &system(), other).unwrap();
        }
        write(tx, world, &system(), (TENANT, ROLE), role("GRÖßE", READ, &[2])).unwrap();
        assert_eq!(by_name(tx, TENANT, "größe").unwrap().unwrap().0, ROLE);
        assert_eq!(by_name(tx, OTHER, "größe").unwrap(), None);
        let owner = (TENANT, roles::by_name("Owner").unwrap().id);
        let result = write(tx, world, &system(), owner, role("x", "*", &[2]));
        assert!(matches!(result, Err(RoleError::BuiltIn(_))), "{result:?}");
        assert!(matches!(delete(tx, &system(), owner), Err(RoleError::BuiltIn(_))));
        let result = write(tx, world, &system(), other, role("x", READ, &[]));
        assert!(matches!(result, Err(RoleError::NotAssignable)), "{result:?}");
        let mut at_root = role("x", READ, &[2]);
        at_root.assignable[0].scope = ScopeKey::Root;
        let result = write(tx, world, &system(), other, at_root);
        assert!(matches!(result, Err(RoleError::NotAssignable)), "{result:?}");
    });
}

#[test]
fn a_role_is_written_and_deleted_with_the_right_at_each_of_its_scopes() {
    in_store(|tx, world, principal| {
        let (role_id, name) = (roles::by_name("Owner").unwrap().id, RoleAssignmentId::random(world.entropy));
        let owns = NewAssignment { name, principal, role: role_id, description: None };
        assignments::create(tx, world, &system()[0], &Chain::root(TENANT), &owns).unwrap();
        let known = [WRITE, DELETE].map(|action| {
            [2, 3].map(|n| proof(tx, principal, &Chain::root(TENANT).then(subscription(n)), action).unwrap())
        });
        let proof = |n: usize, action| known[usize::from(action == DELETE)][n - 2].clone();
        let key = (TENANT, ROLE);
        let mut refused = |proofs: &[Allowed], subscriptions: &[u128]| {
            let result = write(tx, world, proofs, key, role("r", READ, subscriptions));
            assert!(matches!(result, Err(RoleError::WrongProof(_))), "{result:?}");
        };
        refused(&[], &[2]);
        refused(&[proof(2, WRITE)], &[2, 3]);
        refused(&[proof(2, DELETE)], &[2]);
        refused(&[Allowed::system(OTHER)], &[2]);
        let made = write(tx, world, &[proof(2, WRITE), proof(3, WRITE)], key, role("r", READ, &[2, 3])).unwrap();
        assert_eq!(made.created_by, Some(principal));
        // A right at the new scope alone does not take the role away from where it is.
        let result = write(tx, world, &[proof(2, WRITE)], key, role("r", "*", &[2]));
        assert!(matches!(result, Err(RoleError::WrongProof(_))), "{result:?}");
        for proofs in [vec![proof(2, DELETE)], vec![proof(2, DELETE), proof(3, WRITE)]] {
            assert!(matches!(delete(tx, &proofs, key), Err(RoleError::WrongProof(_))));
        }
        delete(tx, &[proof(2, DELETE), proof(3, DELETE)], key).unwrap().unwrap();
    });
}

#[test]
fn tn_01_a_custom_role_of_another_tenant_does_not_exist_here() {
    in_store(|tx, world, principal| {
        let elsewhere = [Allowed::system(OTHER)];
        write(tx, world, &elsewhere, (OTHER, ROLE), role("r", "*", &[2])).unwrap();
        let error = assign(tx, world, principal, &chain(2)).unwrap_err();
        assert!(matches!(error, AssignmentError::RoleNotFound(_)), "{error}");
        assert_eq!(of_tenant(tx, TENANT).unwrap(), []);
        // The same id and name here are another role.
        write(tx, world, &system(), (TENANT, ROLE), role("r", READ, &[2])).unwrap();
        assign(tx, world, principal, &chain(2)).unwrap();
        assert!(!may(tx, principal, &chain(2), "Microsoft.Compute/virtualMachines/write"));
        assert!(delete(tx, &elsewhere, (OTHER, ROLE)).unwrap().is_some());
        assert_eq!(of_tenant(tx, TENANT).unwrap().len(), 1);
    });
}

#[test]
fn what_a_custom_role_allowed_does_not_commit_once_the_role_says_something_else() {
    let principal = std::sync::Mutex::new(None);
    let store = in_store(|tx, world, id| {
        write(tx, world, &system(), (TENANT, ROLE), role("r", READ, &[2])).unwrap();
        assign(tx, world, id, &chain(2)).unwrap();
        *principal.lock().unwrap() = Some(id);
    });
    let principal = principal.into_inner().unwrap().unwrap();
    let entropy = Counter(AtomicU8::new(90));
    let world = World { now: Timestamp::from_unix_seconds(1_800_000_001), entropy: &entropy };
    let change = |tx: &mut Tx<'_>| {
        write(tx, &world, &system(), (TENANT, ROLE), role("r", "Microsoft.X/*", &[2])).unwrap();
        Ok::<_, StoreError>(())
    };
    let runs = std::cell::RefCell::new(Vec::new());
    let body = |tx: &mut Tx<'_>| {
        let allowed = may(tx, principal, &chain(2), READ);
        runs.borrow_mut().push(allowed);
        if runs.borrow().len() == 1 {
            std::thread::scope(|scope| scope.spawn(|| store.write(change).unwrap()).join().unwrap());
        }
        create_application(tx, &world, TENANT, "made by right")?;
        Ok::<_, StoreError>(())
    };
    store.write(body).unwrap();
    assert_eq!(*runs.borrow(), [true, false]);
}
