//! The life cycles of identities, hosts and the view.

use crate::cloud::{Cloud, system, users, world};
use bonafide_core::access::{Allowed, Chain, Denied, NewAssignment, assignments, may_write, roles};
use bonafide_core::directory::{Change, IDENTITY_TYPE, PRINCIPALS, create_application, find};
use bonafide_core::lifecycle::{IdentityError, OnHost, SaveError, place, save};
use bonafide_core::view::Views;
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_store::{Read, StoreError};
use bonafide_types::limits::USER_ASSIGNED_IDENTITIES_MAX;
use bonafide_types::{ResourceId, ResourceUuid, RoleAssignmentId, TenantId};
use proptest::prelude::*;

#[test]
fn a_system_assigned_identity_lives_and_dies_with_its_resource() {
    let cloud = Cloud::new();
    let machine = cloud.machine("vm");
    let first = cloud.change(&machine, &system()).unwrap().identity.system.unwrap().principal_id;
    assert!(cloud.exists(first));
    assert_eq!(cloud.change(&machine, &system()).unwrap().identity.system.unwrap().principal_id, first);
    assert_eq!(cloud.change(&machine, &Change::default()).unwrap().identity.system, None);
    assert!(!cloud.exists(first));
    let second = cloud.change(&machine, &system()).unwrap().identity.system.unwrap().principal_id;
    assert_ne!(first, second, "ID-11: never the same principal again");
    cloud.delete(&machine);
    assert!(!cloud.exists(second));
}

#[test]
fn only_who_may_write_a_machine_has_the_proof_that_placing_it_takes() {
    let cloud = Cloud::new();
    let machine = cloud.machine("vm");
    cloud.change(&machine, &system()).unwrap();
    let placed_by = |role: Option<&str>| {
        cloud.store.write(|tx| {
            let (principal, _) = create_application(tx, &world(), cloud.tenant, "p").unwrap();
            if let Some(role) = role {
                let (name, role) = (RoleAssignmentId::random(&SystemEntropy), roles::by_name(role).unwrap().id);
                let held = NewAssignment { name, principal, role, description: None };
                let root = Chain::root(cloud.tenant);
                assignments::create(tx, &world(), &cloud.allowed(), &root, &held).unwrap();
            }
            let (uuid, resource) = find(tx, &machine)?.unwrap();
            let proof = may_write(tx, principal, uuid, &resource)?;
            let on = OnHost::of_all(&cloud.allowed(), cloud.tenant, cloud.host).unwrap();
            Ok::<_, StoreError>(proof.map(|allowed| place(tx, &allowed, on, uuid, &resource).is_ok()))
        })
    };
    for role in [None, Some("Reader"), Some("User Access Administrator")] {
        assert_eq!(placed_by(role).unwrap(), Err(Denied), "{role:?}");
    }
    for role in ["Owner", "Virtual Machine Contributor"] {
        assert_eq!(placed_by(Some(role)).unwrap(), Ok(true), "{role}");
    }
}

#[test]
fn only_user_assigned_identities_of_the_same_tenant_can_be_assigned() {
    let cloud = Cloud::new();
    let (machine, other) = (cloud.machine("vm"), cloud.machine("other"));
    cloud.change(&other, &system()).unwrap();
    assert!(matches!(cloud.change(&machine, &users(&[other])), Err(IdentityError::NotAnIdentity(_))));
    let missing = cloud.id(IDENTITY_TYPE, "missing");
    assert!(matches!(cloud.change(&machine, &users(&[missing])), Err(IdentityError::NotFound(_))));
    let (identity, _) = cloud.make_identity("i");
    let mut foreign = cloud.resource(machine.clone());
    foreign.tenant = TenantId::random(&SystemEntropy);
    foreign.id = cloud.machine("foreign");
    let refused = cloud.store.write(|tx| {
        let (uuid, change) = (ResourceUuid::random(&SystemEntropy), users(std::slice::from_ref(&identity)));
        save(tx, &world(), &Allowed::system(foreign.tenant), uuid, &mut foreign.clone(), Some(&change))
    });
    assert!(matches!(refused, Err(SaveError::Identity(IdentityError::OtherTenant(_)))));
    assert!(cloud.store.read(|tx| find(tx, &machine)).unwrap().is_none(), "a refusal stores nothing");
}

#[test]
fn a_thousand_identities_fit_on_one_machine_and_one_more_does_not() {
    let cloud = Cloud::new();
    let identities: Vec<ResourceId> =
        (0..=USER_ASSIGNED_IDENTITIES_MAX).map(|n| cloud.make_identity(&format!("i{n}")).0).collect();
    let machine = cloud.machine("vm");
    let (most, one_more) = (&identities[..USER_ASSIGNED_IDENTITIES_MAX], &identities[USER_ASSIGNED_IDENTITIES_MAX..]);
    assert_eq!(cloud.change(&machine, &users(most)).unwrap().identity.users.len(), USER_ASSIGNED_IDENTITIES_MAX);
    cloud.place(&machine);
    assert!(matches!(cloud.change(&machine, &users(one_more)), Err(IdentityError::TooMany)));
    assert_eq!(cloud.placed(&machine).len(), USER_ASSIGNED_IDENTITIES_MAX);
}

#[test]
fn deleting_an_assigned_identity_leaves_an_entry_that_can_be_removed() {
    let cloud = Cloud::new();
    let machine = cloud.machine("vm");
    let (identity, principal) = cloud.make_identity("i");
    cloud.change(&machine, &Change { system: true, ..users(std::slice::from_ref(&identity)) }).unwrap();
    cloud.place(&machine);
    cloud.register_key(principal);
    cloud.delete(&identity);
    assert!(!cloud.exists(principal) && cloud.keys(principal) == 0);
    assert_eq!(cloud.placed(&machine).len(), 1, "the host has only the system-assigned identity");
    let updated = cloud.change(&machine, &system()).unwrap();
    assert_eq!(updated.identity.users.len(), 1, "the resource still updates");
    assert_eq!(cloud.placed(&machine).len(), 1, "and an update does not bring it back");
    let removed = cloud.change(&machine, &Change { system: true, remove: vec![identity.clone()], ..Change::default() });
    assert!(removed.unwrap().identity.users.is_empty());
    let (again, new) = cloud.make_identity("i");
    let assigned = cloud.change(&machine, &users(&[again])).unwrap();
    assert_eq!(assigned.identity.users[0].principal.principal_id, new);
    assert_ne!(new, principal);
}

#[test]
fn a_host_loses_the_keys_of_identities_that_no_workload_there_has_any_more() {
    let cloud = Cloud::new();
    let (one, two) = (cloud.machine("one"), cloud.machine("two"));
    let (identity, principal) = cloud.make_identity("i");
    for machine in [&one, &two] {
        cloud.change(machine, &users(std::slice::from_ref(&identity))).unwrap();
        cloud.place(machine);
    }
    cloud.register_key(principal);
    let take = Change { remove: vec![identity.clone()], ..Change::default() };
    cloud.change(&one, &take).unwrap();
    assert_eq!(cloud.keys(principal), 1, "the other workload still has it");
    cloud.delete(&two);
    assert_eq!(cloud.keys(principal), 0);
    assert!(cloud.exists(principal), "the identity itself is untouched");
}

/// An operation on the directory.
#[derive(Debug, Clone)]
enum Step {
    Identity(u8),
    DeleteIdentity(u8),
    Machine(u8, bool, Vec<u8>),
    DeleteMachine(u8),
    Place(u8),
    Key(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..4u8;
    prop_oneof![
        name.clone().prop_map(Step::Identity),
        name.clone().prop_map(Step::DeleteIdentity),
        (name.clone(), any::<bool>(), proptest::collection::vec(name.clone(), 0..3))
            .prop_map(|(machine, system, users)| Step::Machine(machine, system, users)),
        name.clone().prop_map(Step::DeleteMachine),
        name.clone().prop_map(Step::Place),
        name.prop_map(Step::Key),
    ]
}

impl Cloud {
    fn take(&self, step: &Step) {
        let identity = |n: &u8| self.id(IDENTITY_TYPE, &format!("i{n}"));
        let machine = |n: &u8| self.machine(&format!("m{n}"));
        let there = |id: &ResourceId| self.store.read(|tx| find(tx, id)).unwrap();
        match step {
            Step::Identity(n) if there(&identity(n)).is_none() => drop(self.make_identity(&format!("i{n}"))),
            Step::DeleteIdentity(n) if there(&identity(n)).is_some() => self.delete(&identity(n)),
            Step::Machine(n, system, users) => {
                let add = users.iter().map(identity).filter(|id| there(id).is_some()).collect();
                let change = Change { system: *system, add, remove_all_users: true, ..Change::default() };
                self.change(&machine(n), &change).unwrap();
            }
            Step::DeleteMachine(n) if there(&machine(n)).is_some() => self.delete(&machine(n)),
            Step::Place(n) if there(&machine(n)).is_some() => self.place(&machine(n)),
            Step::Key(n) => {
                if let Some((_, resource)) = there(&identity(n)) {
                    self.register_key(resource.principal.unwrap().principal_id);
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A view that followed every change shows what a view that is read anew shows, and every
    /// principal in it still stands for something.
    #[test]
    fn a_view_that_follows_is_a_view_that_reloads(steps in proptest::collection::vec(step(), 1..24)) {
        let cloud = Cloud::new();
        let following = Views::load(&cloud.store, Kek::generate()).unwrap();
        for step in &steps {
            cloud.take(step);
            following.catch_up(&cloud.store).unwrap();
        }
        let reloaded = Views::load(&cloud.store, Kek::generate()).unwrap();
        let (followed, fresh) = (following.snapshot(), reloaded.snapshot());
        let principals = cloud.store.read(|tx| tx.page(&PRINCIPALS, &(), None, 1_000)).unwrap();
        for (id, row) in principals {
            for view in [&followed, &fresh] {
                prop_assert_eq!(view.principal(cloud.tenant, id).map(|known| known.client_id), Some(row.client_id));
                prop_assert_eq!(view.principal_by_client(cloud.tenant, row.client_id).map(|found| found.0), Some(id));
                prop_assert!(view.principal(TenantId::random(&SystemEntropy), id).is_none(), "TN-01");
            }
            prop_assert_eq!(followed.credentials(id).len(), fresh.credentials(id).len());
            prop_assert_eq!(followed.credentials(id).len(), cloud.keys(id));
        }
        let all = |view: &bonafide_core::view::View| {
            let changes = view.placed(cloud.host).and_then(|placed| placed.changes(None));
            let mut placed: Vec<_> =
                changes.map(|changes| changes.workloads).unwrap_or_default().into_iter()
                    .map(|(id, placement)| (id, (*placement).clone())).collect();
            placed.sort_by_key(|(id, _)| *id);
            placed
        };
        prop_assert_eq!(all(&followed), all(&fresh));
        for (_, placement) in all(&fresh) {
            for identity in placement.identities() {
                prop_assert!(cloud.exists(identity.principal), "a host has an identity that does not exist");
            }
        }
    }
}
