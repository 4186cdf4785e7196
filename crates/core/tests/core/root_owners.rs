//! The last owner of a tenant's root.

use bonafide_core::access::{Allowed, AssignmentError, Chain, NewAssignment, OWNER, ScopeKey, assignments, roles};
use bonafide_core::directory::{PRINCIPALS, PrincipalKind, create_application};
use bonafide_core::lifecycle::{DirectoryError, delete_service_principal};
use bonafide_crypto::SystemEntropy;
use bonafide_store::{Read, Store, StoreError, Tx};
use bonafide_types::{
    ObjectId, ResourceId, ResourceUuid, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId, Timestamp, World,
};
use uuid::Uuid;

const TENANT: TenantId = TenantId::new(Uuid::from_u128(1));
const OTHER: TenantId = TenantId::new(Uuid::from_u128(2));

fn world() -> World<'static> {
    World { now: Timestamp::from_unix_seconds(1_800_000_000), entropy: &SystemEntropy }
}

fn root() -> Chain {
    Chain::root(TENANT)
}

fn application(tx: &mut Tx<'_>, tenant: TenantId) -> ObjectId {
    create_application(tx, &world(), tenant, "app").unwrap().0
}

fn assign(tx: &mut Tx<'_>, principal: ObjectId, role: RoleDefinitionId, chain: &Chain) -> assignments::AssignmentKey {
    let new = NewAssignment { name: RoleAssignmentId::random(&SystemEntropy), principal, role, description: None };
    assignments::create(tx, &world(), &Allowed::system(chain.tenant()), chain, &new).unwrap().0
}

fn take(tx: &mut Tx<'_>, key: &assignments::AssignmentKey) -> Result<(), AssignmentError> {
    assignments::delete(tx, &Allowed::system(key.0), key)
}

fn in_store(test: impl Fn(&mut Tx<'_>)) {
    let body = |tx: &mut Tx<'_>| {
        test(tx);
        Ok::<_, StoreError>(())
    };
    Store::in_memory().write(body).unwrap();
}

#[test]
fn tn_11_the_last_owner_of_the_root_stays_until_another_application_is_one() {
    in_store(|tx| {
        let (one, two) = (application(tx, TENANT), application(tx, TENANT));
        let first = assign(tx, one, OWNER, &root());
        // None of these is another owner of this root.
        let subscription = root().then(ScopeKey::Subscription(SubscriptionId::new(Uuid::from_u128(3))));
        assign(tx, two, OWNER, &subscription);
        let reader = assign(tx, two, roles::by_name("Reader").unwrap().id, &root());
        let foreign = application(tx, OTHER);
        assign(tx, foreign, OWNER, &Chain::root(OTHER));
        for _ in 0..2 {
            assert!(matches!(take(tx, &first), Err(AssignmentError::LastOwner)));
            assert!(matches!(
                delete_service_principal(tx, &Allowed::system(TENANT), one),
                Err(DirectoryError::LastOwner)
            ));
        }
        take(tx, &reader).unwrap();
        let second = assign(tx, two, OWNER, &root());
        take(tx, &first).unwrap();
        assert!(matches!(take(tx, &second), Err(AssignmentError::LastOwner)));
        delete_service_principal(tx, &Allowed::system(TENANT), one).unwrap();
        assert!(matches!(delete_service_principal(tx, &Allowed::system(TENANT), two), Err(DirectoryError::LastOwner)));
    });
}

#[test]
fn tn_11_who_is_gone_or_disabled_or_goes_with_a_resource_is_no_owner_that_counts() {
    in_store(|tx| {
        let first = application(tx, TENANT);
        let held = assign(tx, first, OWNER, &root());
        for how in 0..3 {
            let other = application(tx, TENANT);
            let key = assign(tx, other, OWNER, &root());
            let mut row = tx.get(&PRINCIPALS, &other).unwrap().unwrap();
            match how {
                0 => tx.delete(&PRINCIPALS, &other).unwrap(),
                1 => {
                    row.enabled = false;
                    tx.put(&PRINCIPALS, &other, &row).unwrap();
                }
                _ => {
                    let resource_id =
                        ResourceId::parse("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i");
                    let resource = ResourceUuid::random(&SystemEntropy);
                    row.kind = PrincipalKind::UserAssigned { resource, resource_id: resource_id.unwrap() };
                    tx.put(&PRINCIPALS, &other, &row).unwrap();
                }
            }
            assert!(matches!(take(tx, &held), Err(AssignmentError::LastOwner)), "{how}");
            take(tx, &key).unwrap();
        }
    });
}

#[test]
fn the_role_owner_is_the_built_in_one() {
    assert_eq!(roles::by_name("Owner").unwrap().id, OWNER);
}
