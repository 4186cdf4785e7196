//! Deletions of what is larger than one commit (4,096 operations).

use crate::cloud::{Cloud, NOW, certificate, system, users, world};
use bonafide_core::access::Allowed;
use bonafide_core::directory::{CREDENTIALS, Change, add_certificate, create_application, find};
use bonafide_core::lifecycle::{self, PlaceError, delete_service_principal};
use bonafide_core::placement::{self, ENROLMENTS, PLACEMENTS, WORKLOAD_HOSTS_MAX};
use bonafide_core::view::Views;
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_store::Read;
use bonafide_store::limits::COMMIT_OPS_MAX;
use bonafide_types::limits::USER_ASSIGNED_IDENTITIES_MAX;
use bonafide_types::{HostId, ObjectId, ResourceId, World};

const MANY: usize = COMMIT_OPS_MAX + 100;

fn principals_placed(cloud: &Cloud) -> usize {
    let rows = cloud.store.read(|tx| tx.page(&PLACEMENTS, &(), None, usize::MAX)).unwrap();
    rows.iter().map(|(_, placement)| placement.own.len()).sum()
}

/// So many keys of each principal, each made on another host.
fn register_keys(cloud: &Cloud, principals: &[ObjectId], hosts: &[HostId]) {
    let certificate = certificate();
    let pairs: Vec<_> = principals.iter().flat_map(|id| hosts.iter().map(|host| (*id, *host))).collect();
    for pairs in pairs.chunks(1_000) {
        let add = |tx: &mut bonafide_store::Tx<'_>| {
            pairs
                .iter()
                .try_for_each(|(id, host)| add_certificate(tx, &world(), *id, &certificate, Some(*host)).map(drop))
        };
        cloud.store.write(add).unwrap();
    }
}

fn hosts(count: usize) -> Vec<HostId> {
    (0..count).map(|_| HostId::random(&SystemEntropy)).collect()
}

#[test]
fn an_identity_is_dead_at_once_however_many_machines_have_it() {
    let cloud = Cloud::new();
    let (identity, principal) = cloud.make_identity("i");
    let machines: Vec<ResourceId> = (0..MANY).map(|n| cloud.machine(&format!("vm{n}"))).collect();
    for machine in &machines {
        cloud.change(machine, &users(std::slice::from_ref(&identity))).unwrap();
        cloud.place(machine);
    }
    register_keys(&cloud, &[principal], &hosts(MANY));
    let views = Views::load(&cloud.store, Kek::generate()).unwrap();

    cloud.delete(&identity);
    views.catch_up(&cloud.store).unwrap();
    assert!(!cloud.exists(principal) && views.snapshot().principal(cloud.tenant, principal).is_none());
    assert!(principals_placed(&cloud) > 0, "not all of it fits into the first commit");

    // A resource that has the entry can still be changed, before its turn and after it.
    for machine in [&machines[0], &machines[MANY - 1]] {
        let updated = cloud.change(machine, &system()).unwrap();
        assert_eq!(updated.identity.users.len(), 1);
        let take = Change { remove: vec![identity.clone()], ..system() };
        assert!(cloud.change(machine, &take).unwrap().identity.users.is_empty());
        assert_eq!(cloud.placed(machine), [updated.identity.system.unwrap().principal_id]);
    }
    // Another of the same name is another.
    let (again, new) = cloud.make_identity("i");
    cloud.change(&machines[1], &users(&[again])).unwrap();

    lifecycle::clear(&cloud.store).unwrap();
    assert_eq!(cloud.keys(principal), 0);
    assert_eq!(principals_placed(&cloud), 3, "two system-assigned ones and the new one");
    assert_eq!(cloud.placed(&machines[1]), [new]);
    let head = cloud.store.head().unwrap();
    lifecycle::clear(&cloud.store).unwrap();
    assert_eq!(cloud.store.head().unwrap(), head, "nothing is left to clear");
}

#[test]
fn a_thousand_identities_can_be_exchanged_and_deleted_on_every_host_of_a_machine() {
    let cloud = Cloud::new();
    let make = |n| (0..USER_ASSIGNED_IDENTITIES_MAX).map(move |i| format!("{n}-{i}"));
    let (first, second): (Vec<_>, Vec<_>) = (
        make("a").map(|name| cloud.make_identity(&name)).collect(),
        make("b").map(|name| cloud.make_identity(&name)).collect(),
    );
    let ids = |made: &[(ResourceId, ObjectId)]| made.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let principals = |made: &[(ResourceId, ObjectId)]| made.iter().map(|(_, id)| *id).collect::<Vec<_>>();
    let machine = cloud.machine("vm");
    cloud.change(&machine, &users(&ids(&first))).unwrap();
    let hosts = hosts(5);
    for host in &hosts {
        cloud.place_on(*host, &machine).unwrap();
    }
    let held = |made: &[(ResourceId, ObjectId)]| made.iter().map(|(_, id)| cloud.keys(*id)).sum::<usize>();
    register_keys(&cloud, &principals(&first), &hosts);
    cloud.change(&machine, &Change { remove: ids(&first), ..users(&ids(&second)) }).unwrap();
    lifecycle::clear(&cloud.store).unwrap();
    assert_eq!(held(&first), 0);
    register_keys(&cloud, &principals(&second), &hosts);
    cloud.delete(&machine);
    // Taken away and given back before the keys were cleared: what a host has again stays.
    cloud.change(&machine, &users(&ids(&second[..1]))).unwrap();
    cloud.delete(&machine);
    lifecycle::clear(&cloud.store).unwrap();
    assert_eq!(held(&second), 0);
}

#[test]
fn keys_of_an_identity_that_is_given_back_in_time_stay() {
    let cloud = Cloud::new();
    let made: Vec<_> = (0..600).map(|n| cloud.make_identity(&format!("i{n}"))).collect();
    let ids: Vec<ResourceId> = made.iter().map(|(id, _)| id.clone()).collect();
    let machine = cloud.machine("vm");
    cloud.change(&machine, &users(&ids)).unwrap();
    cloud.place(&machine);
    let principals: Vec<ObjectId> = made.iter().map(|(_, id)| *id).collect();
    register_keys(&cloud, &principals, &[cloud.host]);
    cloud.change(&machine, &Change { remove: ids.clone(), ..Change::default() }).unwrap();
    let held = || principals.iter().filter(|id| cloud.keys(**id) == 1).copied().collect::<Vec<_>>();
    let left = held();
    assert!(!left.is_empty() && left.len() < 600, "the first commit takes some: {}", left.len());
    let (id, _) = made.iter().find(|(_, id)| *id == left[0]).unwrap();
    cloud.change(&machine, &users(std::slice::from_ref(id))).unwrap();
    lifecycle::clear(&cloud.store).unwrap();
    assert_eq!(held(), [left[0]]);
}

#[test]
fn a_principal_with_thousands_of_credentials_is_deleted() {
    let cloud = Cloud::new();
    let (principal, _) = cloud.store.write(|tx| create_application(tx, &world(), cloud.tenant, "app")).unwrap();
    register_keys(&cloud, &[principal], &hosts(MANY));
    cloud.store.write(|tx| delete_service_principal(tx, &Allowed::system(cloud.tenant), principal)).unwrap();
    assert!(!cloud.exists(principal) && cloud.keys(principal) > 0);
    lifecycle::clear(&cloud.store).unwrap();
    assert_eq!(cloud.store.read(|tx| tx.page(&CREDENTIALS, &(), None, 1)).unwrap().len(), 0);
}

#[test]
fn a_machine_runs_on_so_many_hosts_and_no_more() {
    let cloud = Cloud::new();
    let machine = cloud.machine("vm");
    cloud.change(&machine, &system()).unwrap();
    let hosts = hosts(WORKLOAD_HOSTS_MAX);
    for host in &hosts {
        cloud.place_on(*host, &machine).unwrap();
    }
    let one_more = cloud.place_on(cloud.host, &machine);
    assert!(matches!(one_more, Err(PlaceError::TooManyHosts(id)) if id == machine));
    cloud.place_on(hosts[0], &machine).unwrap();
    cloud.change(&machine, &Change::default()).unwrap();
    assert_eq!(principals_placed(&cloud), 0, "a change reaches them all");
    cloud.delete(&machine);
    assert!(cloud.store.read(|tx| tx.page(&PLACEMENTS, &(), None, 1)).unwrap().is_empty());
    assert!(cloud.store.read(|tx| find(tx, &machine)).unwrap().is_none());
}

#[test]
fn expired_enrolments_are_forgotten_bit_by_bit_and_others_are_not() {
    let cloud = Cloud::new();
    let invite = |world: &World<'_>, names: std::ops::Range<usize>| {
        for name in names {
            let invite = |tx: &mut bonafide_store::Tx<'_>| {
                placement::invite(tx, world, cloud.host, "h", format!("{:08}", name.wrapping_mul(7_919) % 100_000_000))
            };
            cloud.store.write(invite).unwrap();
        }
    };
    let left = || cloud.store.read(|tx| tx.page(&ENROLMENTS, &(), None, usize::MAX)).unwrap().len();
    let at = |seconds| World { now: NOW.plus_seconds(seconds), entropy: &SystemEntropy };
    invite(&at(0), 0..MANY);
    assert_eq!(left(), MANY);
    invite(&at(placement::ENROLMENT_SECONDS - 1), MANY..MANY + 1);
    assert_eq!(left(), MANY + 1, "none has expired");
    invite(&at(placement::ENROLMENT_SECONDS), MANY + 1..MANY + 2);
    assert!(left() < MANY + 2);
    invite(&at(placement::ENROLMENT_SECONDS), MANY + 2..MANY + 52);
    assert_eq!(left(), 52, "those that still count");
}
