//! The extension on a machine, in the rows that its hosts watch.

use crate::cloud::{Cloud, system, world};
use bonafide_core::directory::{EXTENSION_OF, Extension, Power, System, find};
use bonafide_core::lifecycle::{SaveError, restart_extension, save};
use bonafide_core::placement::{EXTENSION_STATUS, ExtensionState, ExtensionStatus, PLACEMENTS};
use bonafide_crypto::SystemEntropy;
use bonafide_store::{Read, StoreError};
use bonafide_types::{Entropy, ResourceId, ResourceUuid};
use std::num::NonZeroU16;

fn extension(port: u16) -> Extension {
    Extension { port: NonZeroU16::new(port).unwrap(), system: System::Linux, run: SystemEntropy.guid() }
}

/// Puts an extension on a machine, or takes from it what it asks for.
fn put(cloud: &Cloud, machine: &ResourceId, asked: Option<Extension>) -> ResourceId {
    let id = ResourceId::parse(&format!("{machine}/Extensions/msi")).unwrap();
    let saved = cloud.store.write(|tx| {
        let parent = find(tx, machine)?.unwrap().0;
        let (uuid, mut row) =
            find(tx, &id)?.unwrap_or_else(|| (ResourceUuid::random(&SystemEntropy), cloud.resource(id.clone())));
        (row.parent, row.extension) = (Some(parent), asked);
        save(tx, &world(), &cloud.allowed(), uuid, &mut row, None)
    });
    saved.unwrap();
    id
}

fn placed(cloud: &Cloud, machine: &ResourceId) -> Option<Extension> {
    let read = |tx: &bonafide_store::ReadTx<'_>| {
        let uuid = find(tx, machine)?.unwrap().0;
        Ok::<_, StoreError>(tx.get(&PLACEMENTS, &(cloud.host, uuid))?.unwrap().extension)
    };
    cloud.store.read(read).unwrap()
}

fn switch(cloud: &Cloud, machine: &ResourceId, power: Power) {
    let saved = cloud.store.write(|tx| {
        let (uuid, mut row) = find(tx, machine)?.unwrap();
        row.power = power;
        restart_extension(tx, &world(), &cloud.allowed(), uuid, &row)?;
        save(tx, &world(), &cloud.allowed(), uuid, &mut row, None)
    });
    saved.unwrap();
}

#[test]
fn hosts_are_told_of_the_extension_on_a_machine_as_long_as_it_is_there_and_the_machine_runs() {
    let cloud = Cloud::new();
    let machine = cloud.machine("vm");
    cloud.change(&machine, &system()).unwrap();
    cloud.place(&machine);
    assert_eq!(placed(&cloud, &machine), None);
    let (first, second) = (extension(50342), extension(50343));
    let id = put(&cloud, &machine, Some(first));
    assert_eq!(placed(&cloud, &machine), Some(first));
    put(&cloud, &machine, Some(second));
    assert_eq!(placed(&cloud, &machine), Some(second));
    put(&cloud, &machine, None);
    assert_eq!(placed(&cloud, &machine), None);
    put(&cloud, &machine, Some(second));
    switch(&cloud, &machine, Power::Stopped);
    assert_eq!(placed(&cloud, &machine), None);
    switch(&cloud, &machine, Power::Running);
    let again = placed(&cloud, &machine).unwrap();
    assert_eq!(again.port, second.port);
    assert_ne!(again.run, second.run, "a machine that starts again starts its extension again");
    cloud.delete(&id);
    assert_eq!(placed(&cloud, &machine), None);
    put(&cloud, &machine, Some(first));
    cloud.delete(&machine);
    let left = cloud.store.read(|tx| tx.page(&PLACEMENTS, &(), None, 10)).unwrap();
    assert!(left.is_empty());
}

#[test]
fn a_report_goes_with_what_it_was_about() {
    let cloud = Cloud::new();
    let machine = cloud.machine("vm");
    cloud.change(&machine, &system()).unwrap();
    cloud.place(&machine);
    let uuid = cloud.store.read(|tx| find(tx, &machine)).unwrap().unwrap().0;
    let report = || {
        let status = ExtensionStatus {
            run: SystemEntropy.guid(),
            state: ExtensionState::Answers,
            detail: String::new(),
            at: world().now,
        };
        cloud.store.write(|tx| tx.put(&EXTENSION_STATUS, &(cloud.host, uuid), &status)).unwrap();
    };
    let reports = || cloud.store.read(|tx| tx.page(&EXTENSION_STATUS, &(), None, 10)).unwrap().len();
    let id = put(&cloud, &machine, Some(extension(50342)));
    report();
    put(&cloud, &machine, Some(extension(50342)));
    assert_eq!(reports(), 1);
    cloud.delete(&id);
    assert_eq!(reports(), 0);
    put(&cloud, &machine, Some(extension(50342)));
    report();
    cloud.delete(&machine);
    assert_eq!(reports(), 0);
}

#[test]
fn a_second_extension_that_serves_tokens_on_one_machine_is_an_error_of_the_store() {
    let cloud = Cloud::new();
    let machine = cloud.machine("vm");
    cloud.change(&machine, &system()).unwrap();
    put(&cloud, &machine, Some(extension(1)));
    let second = ResourceId::parse(&format!("{machine}/extensions/other")).unwrap();
    let parent = cloud.store.read(|tx| find(tx, &machine)).unwrap().unwrap().0;
    let mut row = cloud.resource(second);
    (row.parent, row.extension) = (Some(parent), Some(extension(2)));
    let uuid = ResourceUuid::random(&SystemEntropy);
    let saved = cloud.store.write(|tx| save(tx, &world(), &cloud.allowed(), uuid, &mut row, None));
    assert!(matches!(saved, Err(SaveError::Store(_))), "{saved:?}");
    assert!(cloud.store.read(|tx| tx.find(&EXTENSION_OF, &parent)).unwrap().is_some());
}
