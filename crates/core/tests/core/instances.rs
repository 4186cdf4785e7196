//! Instances of scale sets: they have the identities of their set and copy none of them.

use crate::cloud::{Cloud, system, users, world};
use bonafide_core::access::Grants;
use bonafide_core::directory::{Change, Membership, RESOURCES, Resource, find};
use bonafide_core::lifecycle::save;
use bonafide_core::placement::{IDENTITIES_OF_SETS, PLACEMENTS, Placed, identities_of};
use bonafide_core::tokens::{Caller, TokenId};
use bonafide_core::view::Views;
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ClientId, ObjectId, ResourceId, ResourceUuid};

/// A scale set at a version of its model, with a change of its identities.
fn set(cloud: &Cloud, model: u64, change: &Change) -> (ResourceUuid, Resource) {
    let id = cloud.id("Microsoft.Compute/virtualMachineScaleSets", "set");
    let saved = cloud.store.write(|tx| {
        let (uuid, mut set) =
            find(tx, &id)?.unwrap_or_else(|| (ResourceUuid::random(&SystemEntropy), cloud.resource(id.clone())));
        set.model = model;
        save(tx, &world(), &cloud.allowed(), uuid, &mut set, Some(change)).unwrap();
        Ok::<_, StoreError>((uuid, set))
    });
    saved.unwrap()
}

/// A machine that is an instance of a set at a version of its model.
fn instance(cloud: &Cloud, name: &str, set: ResourceUuid, model: u64) -> ResourceId {
    let id = cloud.machine(name);
    let made = cloud.store.write(|tx| {
        let (uuid, mut row) =
            find(tx, &id)?.unwrap_or_else(|| (ResourceUuid::random(&SystemEntropy), cloud.resource(id.clone())));
        row.set = Some(Membership { set, model });
        save(tx, &world(), &cloud.allowed(), uuid, &mut row, None).unwrap();
        Ok::<_, StoreError>(())
    });
    made.unwrap();
    id
}

/// The principals that a workload has, which are those that its host sees.
fn principals(cloud: &Cloud, id: &ResourceId) -> Vec<ObjectId> {
    let held = cloud.store.read(|tx| identities_of(tx, &find(tx, id)?.unwrap().1)).unwrap();
    let held: Vec<ObjectId> = held.iter().map(|identity| identity.principal).collect();
    assert_eq!(held, placed(cloud, id));
    held
}

/// The principals of a workload on its host, in the rows as in the view.
fn placed(cloud: &Cloud, id: &ResourceId) -> Vec<ObjectId> {
    let views = Views::load(&cloud.store, Kek::generate()).unwrap();
    let placed = cloud.store.read(|tx| {
        let (uuid, _) = find(tx, id)?.unwrap();
        let placed = Placed::read(tx, tx.get(&PLACEMENTS, &(cloud.host, uuid))?.unwrap())?;
        assert_eq!(views.snapshot().placement(cloud.host, uuid), Some(&placed));
        Ok::<_, StoreError>(placed)
    });
    placed.unwrap().identities().map(|identity| identity.principal).collect()
}

/// True when a token of a principal counts that was issued for a workload.
fn counts(cloud: &Cloud, principal: ObjectId, client: ClientId, workload: ResourceUuid) -> bool {
    let caller = Caller {
        tenant: cloud.tenant,
        object_id: principal,
        client_id: client,
        workload: Some(workload),
        token_id: TokenId::new(&world()),
        expires_at: world().now,
    };
    cloud.store.read(|tx| Grants::of(tx, &caller)).unwrap().is_some()
}

#[test]
fn instances_have_the_identities_of_their_set_and_lose_them_with_it() {
    let cloud = Cloud::new();
    let (first, first_principal) = cloud.make_identity("first");
    let (later, later_principal) = cloud.make_identity("later");
    let change = Change { add: vec![first.clone()], ..system() };
    let (uuid, row) = set(&cloud, 1, &change);
    let of_system = row.identity.system.unwrap();
    let old = instance(&cloud, "set_0", uuid, 1);
    cloud.place(&old);
    assert_eq!(principals(&cloud, &old), [of_system.principal_id, first_principal]);

    // An identity that is added reaches who is brought to the model; one that is taken away is gone from all at once.
    set(&cloud, 2, &Change { add: vec![later.clone()], ..system() });
    let new = instance(&cloud, "set_1", uuid, 2);
    cloud.place(&new);
    assert_eq!(principals(&cloud, &old), [of_system.principal_id, first_principal]);
    assert_eq!(principals(&cloud, &new), [of_system.principal_id, first_principal, later_principal]);
    instance(&cloud, "set_0", uuid, 2);
    assert_eq!(principals(&cloud, &old).len(), 3);
    set(&cloud, 3, &Change { system: false, remove: vec![first], ..Change::default() });
    assert_eq!(principals(&cloud, &old), [later_principal]);
    assert_eq!(principals(&cloud, &new), [later_principal]);
    assert!(!cloud.exists(of_system.principal_id));
    cloud.delete(&later);
    assert!(placed(&cloud, &old).is_empty() && placed(&cloud, &new).is_empty());
}

#[test]
fn what_an_instance_has_of_its_own_stands_beside_what_it_has_of_its_set() {
    let cloud = Cloud::new();
    let (shared, principal) = cloud.make_identity("shared");
    let change = Change { add: vec![shared.clone()], ..system() };
    let (uuid, _) = set(&cloud, 1, &change);
    let id = instance(&cloud, "set_0", uuid, 1);
    cloud.place(&id);
    let own = cloud.change(&id, &Change { add: vec![shared], ..system() }).unwrap().identity.system.unwrap();
    assert_eq!(principals(&cloud, &id), [own.principal_id, principal]);
}

#[test]
fn rv_01_a_token_for_an_instance_ends_with_the_instance_and_with_what_its_set_loses() {
    let cloud = Cloud::new();
    let (shared, principal) = cloud.make_identity("shared");
    let (uuid, row) = set(&cloud, 1, &Change { add: vec![shared.clone()], ..system() });
    let of_system = row.identity.system.unwrap();
    let client = row.identity.users[0].principal.client_id;
    let (id, other) = (instance(&cloud, "set_0", uuid, 1), cloud.machine("other"));
    cloud.change(&other, &system()).unwrap();
    let key = |id: &ResourceId| cloud.store.read(|tx| Ok::<_, StoreError>(find(tx, id)?.unwrap().0)).unwrap();
    let (workload, stranger) = (key(&id), key(&other));
    assert!(counts(&cloud, of_system.principal_id, of_system.client_id, workload));
    assert!(counts(&cloud, principal, client, workload));
    assert!(!counts(&cloud, of_system.principal_id, of_system.client_id, stranger));
    assert!(!counts(&cloud, principal, client, stranger));

    set(&cloud, 2, &Change { remove: vec![shared.clone()], ..system() });
    assert!(!counts(&cloud, principal, client, workload));
    set(&cloud, 3, &Change { add: vec![shared.clone()], ..system() });
    assert!(!counts(&cloud, principal, client, workload), "it has not reached the instance");
    assert!(counts(&cloud, of_system.principal_id, of_system.client_id, workload));
    cloud.delete(&id);
    assert!(!counts(&cloud, of_system.principal_id, of_system.client_id, workload));
    assert!(cloud.exists(of_system.principal_id), "the set still has it");
}

#[test]
fn a_set_that_is_deleted_takes_its_instances_along() {
    let cloud = Cloud::new();
    let (identity, _) = cloud.make_identity("i");
    let (uuid, row) = set(&cloud, 1, &users(std::slice::from_ref(&identity)));
    let ids = [instance(&cloud, "set_0", uuid, 1), instance(&cloud, "set_1", uuid, 1)];
    cloud.place(&ids[0]);
    cloud.delete(&row.id);
    let left = cloud.store.read(|tx| {
        let left = ids.iter().filter(|id| find(tx, id).unwrap().is_some()).count();
        Ok::<_, StoreError>((left, tx.get(&IDENTITIES_OF_SETS, &uuid)?, tx.get(&RESOURCES, &uuid)?.is_some()))
    });
    assert_eq!(left.unwrap(), (0, None, false));
}
