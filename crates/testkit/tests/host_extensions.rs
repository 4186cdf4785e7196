//! Reports of hosts on the extensions of machines, and the dialects that they say they serve.

#![allow(clippy::unwrap_used)]

use bonafide_core::access::Allowed;
use bonafide_core::directory::{Extension, Resource, ResourceIdentity, System, find};
use bonafide_core::lifecycle;
use bonafide_core::placement::{EXTENSION_STATUS, ExtensionState, HOSTS};
use bonafide_metadata::Options;
use bonafide_store::Read;
use bonafide_testkit::{Answer, Ask, Cloud, Host};
use bonafide_types::{HostId, ResourceId, ResourceUuid, is_printable};
use bonafide_wire::hosts::{DESIRED_PATH, DETAIL_CHARS_MAX, DIALECTS_PATH, VM_EXTENSION, extension_path};
use serde_json::json;
use std::num::NonZeroU16;

#[test]
fn only_a_host_that_runs_a_workload_reports_on_its_extension_and_only_on_the_run_that_is_asked_for() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let machine = cloud.make_machine(&cloud.home, "rg", "web1", true, &[]);
    cloud.place(&machine.id);
    let edge = Host::join(&cloud, "edge", Options::default());
    let run = cloud.world().entropy.guid();
    let report = |host: HostId, run: &str, state: &str| -> Answer {
        let body = json!({"run": run, "state": state, "detail": "a\u{202e}\nb".repeat(200)});
        cloud.hosts(Ask::new("PUT", &extension_path(machine.uuid)).json(&body).over(host).request()).into()
    };
    let run_text = run.to_string();
    report(cloud.local.id, &run_text, "answers").refused(409, "OtherRun");
    let asked = Extension { port: NonZeroU16::new(50342).unwrap(), system: System::Linux, run };
    let (_, mut row): (_, Resource) = cloud.store.read(|tx| find(tx, &machine.id)).unwrap().unwrap();
    row.id = ResourceId::parse(&format!("{}/extensions/msi", machine.id)).unwrap();
    row.identity = ResourceIdentity::default();
    (row.parent, row.extension, row.version) = (Some(machine.uuid), Some(asked), 0);
    let (world, system) = (cloud.world(), Allowed::system(row.tenant));
    cloud.change(|tx| {
        lifecycle::save(tx, &world, &system, ResourceUuid::random(world.entropy), &mut row, None).unwrap();
        Ok(())
    });
    let desired: Answer = cloud.hosts(Ask::new("GET", DESIRED_PATH).over(cloud.local.id).request()).into();
    let placed = &desired.expect(200).body["workloads"][0]["extension"];
    assert_eq!(*placed, json!({"port": 50342, "system": "linux", "run": run_text}));

    report(edge.id, &run_text, "answers").refused(403, "NotPlaced");
    report(cloud.local.id, &machine.uuid.to_string(), "answers").refused(409, "OtherRun");
    report(cloud.local.id, "1", "answers").refused(400, "Malformed");
    let _ = report(cloud.local.id, &run_text, "aWordOfALaterVersion").expect(204);
    let status = || cloud.store.read(|tx| tx.page(&EXTENSION_STATUS, &(), None, 9)).unwrap();
    assert_eq!(status()[0].1.state, ExtensionState::Failed);
    let _ = report(cloud.local.id, &run_text, "answers").expect(204);
    let rows = status();
    let [((host, workload), row)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((*host, *workload, row.state), (cloud.local.id, machine.uuid, ExtensionState::Answers));
    assert_eq!(row.detail.chars().count(), DETAIL_CHARS_MAX);
    assert!(row.detail.chars().all(is_printable), "{}", row.detail);

    let mut disabled = cloud.view().host(cloud.local.id).unwrap().clone();
    disabled.enabled = false;
    cloud.change(|tx| tx.put(&HOSTS, &cloud.local.id, &disabled));
    report(cloud.local.id, &run_text, "stopped").refused(403, "HostDisabled");
    assert_eq!(status()[0].1.state, ExtensionState::Answers);
}

#[test]
fn a_host_says_which_dialects_it_serves_and_one_that_says_nothing_serves_none() {
    let cloud = Cloud::unthrottled();
    let serves = || cloud.store.read(|tx| tx.get(&HOSTS, &cloud.local.id)).unwrap().unwrap().serves(VM_EXTENSION);
    let say = |body: serde_json::Value| -> Answer {
        cloud.hosts(Ask::new("PUT", DIALECTS_PATH).json(&body).over(cloud.local.id).request()).into()
    };
    assert!(!serves());
    let _ = say(json!({"dialects": ["imds", "vm-extension", "imds"]})).expect(204);
    assert!(serves());
    for wrong in [
        json!({"dialects": ["VM Extension"]}),
        json!({"dialects": [""]}),
        json!({"dialects": ["a".repeat(33)]}),
        json!({"dialects": (0..33).map(|n| format!("d{n}")).collect::<Vec<_>>()}),
        json!({"dialects": "imds"}),
        json!({}),
    ] {
        say(wrong).refused(400, "Malformed");
    }
    assert!(serves());
    let _ = say(json!({"dialects": []})).expect(204);
    assert!(!serves());
}
