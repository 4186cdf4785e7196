//! Changes of a placed machine that its host hears of, and those that cost no more than of a machine that is nowhere.

use crate::cloud::{Cloud, system, world};
use bonafide_core::directory::{Body, Resource, find};
use bonafide_core::lifecycle::{SaveError, save};
use bonafide_core::placement::PLACEMENTS;
use bonafide_store::{Read, StoreError};
use bonafide_types::ResourceId;
use serde_json::{Value, json};
use std::cell::Cell;

fn body() -> Value {
    json!({
        "location": "westeurope",
        "zones": ["2"],
        "properties": { "hardwareProfile": { "vmSize": "Standard_B1s" }, "userData": "dXNlcg==" },
    })
}

/// Writes a machine while the row of its placement is written, too: so often the first write has to be made.
fn attempts(cloud: &Cloud, vm: &ResourceId, change: &Value) -> u32 {
    let attempts = Cell::new(0);
    let saved = cloud.store.write(|tx| {
        let (uuid, found) = find(tx, vm)?.unwrap();
        let mut resource = Resource { body: Body::kept(vm, change.as_object().unwrap().clone()), ..found };
        save(tx, &world(), &cloud.allowed(), uuid, &mut resource, None)?;
        if attempts.replace(attempts.get() + 1) == 0 {
            let again = || {
                cloud.store.write(|tx| {
                    let row = tx.get(&PLACEMENTS, &(cloud.host, uuid))?.unwrap();
                    tx.put(&PLACEMENTS, &(cloud.host, uuid), &row)?;
                    Ok::<_, StoreError>(())
                })
            };
            std::thread::scope(|scope| scope.spawn(again).join()).unwrap().unwrap();
        }
        Ok::<_, SaveError>(())
    });
    saved.unwrap();
    attempts.get()
}

#[test]
fn a_change_that_no_host_hears_of_reads_no_placement() {
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    cloud.change(&vm, &system()).unwrap();
    cloud.place(&vm);
    assert_eq!(attempts(&cloud, &vm, &body()), 2);
    assert_eq!(attempts(&cloud, &vm, &body()), 1, "nothing at all changes");
    for member in ["diagnosticsProfile", "availabilitySet", "ScheduledEventsProfile"] {
        for id in ["x", "y"] {
            let mut change = body();
            change["properties"][member] = json!({ "id": id });
            assert_eq!(attempts(&cloud, &vm, &change), 1, "{member}: {id}");
        }
        assert_eq!(attempts(&cloud, &vm, &body()), 1, "{member}: gone");
    }
    let heard: [fn(&mut Value); 5] = [
        |body| body["properties"]["hardwareProfile"]["vmSize"] = "Standard_B2s".into(),
        |body| body["properties"]["unheardOf"] = 1.into(),
        |body| drop(body["properties"].as_object_mut().unwrap().remove("userData")),
        |body| body["zones"] = json!(["3"]),
        |body| body["properties"] = Value::Null,
    ];
    for (at, change) in heard.into_iter().enumerate() {
        let mut changed = body();
        change(&mut changed);
        assert_eq!(attempts(&cloud, &vm, &changed), 2, "{at}");
        assert_eq!(attempts(&cloud, &vm, &body()), 2, "{at}: back");
    }
}
