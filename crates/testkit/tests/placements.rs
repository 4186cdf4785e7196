//! Hosts as resources: who joins with a token, whose identities a host gets, and what a successor inherits.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_crypto::AgentKey;
use bonafide_metadata::{Options, TokenFetch};
use bonafide_testkit::{Answer, Ask, Cloud, Host, MANAGEMENT, Machine};
use bonafide_types::{Audience, HostId, base64url};
use bonafide_wire::hosts::{DESIRED_PATH, JOIN_PATH};
use serde_json::{Value, json};
use std::sync::Barrier;

const GROUP: &str = "/providers/Microsoft.Compute";

fn path(cloud: &Cloud, below: &str) -> String {
    format!("{}/resourceGroups/rg{GROUP}{below}", cloud.home.root())
}

fn send(cloud: &Cloud, method: &str, below: &str, body: &Value) -> Answer {
    cloud.call(&cloud.home.operator, method, &path(cloud, below), Some(body))
}

/// A host that is a resource.
fn make_host(cloud: &Cloud, name: &str) -> HostId {
    let place = json!({ "location": "westeurope" });
    let racks = send(cloud, "PUT", "/hostGroups/racks", &place).status;
    assert!([200, 201].contains(&racks), "{racks}");
    let host = send(cloud, "PUT", &format!("/hostGroups/racks/hosts/{name}"), &place).expect(201).body;
    host["properties"]["hostId"].as_str().unwrap().parse().unwrap()
}

fn token(cloud: &Cloud, name: &str) -> String {
    let answer =
        send(cloud, "POST", &format!("/hostGroups/racks/hosts/{name}/createJoinToken"), &json!({})).expect(200).body;
    answer["token"].as_str().unwrap().to_owned()
}

fn desired(cloud: &Cloud, host: HostId) -> Value {
    Answer::from(cloud.hosts(Ask::new("GET", DESIRED_PATH).over(host).request())).expect(200).body
}

#[test]
fn id_13_of_64_machines_that_join_at_once_with_one_token_one_is_the_host() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let host = make_host(&cloud, "edge");
    let token = token(&cloud, "edge");
    let together = Barrier::new(64);
    let statuses: Vec<(u16, String)> = std::thread::scope(|scope| {
        let joins: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    let csr = base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap());
                    let ask = Ask::new("POST", JOIN_PATH).json(&json!({ "token": token, "csr": csr }));
                    together.wait();
                    let answer = Answer::from(cloud.hosts(ask.request()));
                    (answer.status, answer.text)
                })
            })
            .collect();
        joins.into_iter().map(|join| join.join().unwrap()).collect()
    });
    let won: Vec<_> = statuses.iter().filter(|(status, _)| *status == 200).collect();
    assert!(won.len() == 1 && won[0].1.contains(&host.to_string()), "{won:?}");
    assert!(statuses.iter().all(|(status, _)| [200, 403].contains(status)));
}

#[test]
fn id_12_a_host_that_asks_for_every_identity_of_the_directory_gets_those_of_its_own_workloads() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let machines: Vec<Machine> =
        (0..8).map(|n| cloud.make_machine(&cloud.home, "rg", &format!("web{n}"), true, &[])).collect();
    machines.iter().skip(1).for_each(|machine| cloud.place(&machine.id));
    let rogue = Host::join(&cloud, "rogue", Options::default());
    // Put on the rogue by who may; the resource of a host that joined without one is not needed for that.
    cloud.place_on(rogue.id, &machines[0].id);
    let mut got = Vec::new();
    for (n, machine) in machines.iter().enumerate() {
        let principal = machine.principal.unwrap();
        let client_id = cloud.view().principal(cloud.home.tenant, principal).unwrap().client_id;
        for claimed in &machines {
            let fetch = TokenFetch {
                workload: claimed.uuid,
                tenant: cloud.home.tenant,
                principal,
                client_id,
                audience: Audience::parse(MANAGEMENT).unwrap(),
                capabilities: None,
            };
            if rogue.fetch(&cloud, &fetch).is_ok() {
                got.push((n, claimed.uuid));
            }
        }
    }
    assert_eq!(got, [(0, machines[0].uuid)]);
}

#[test]
fn id_11_what_takes_the_name_of_a_placed_instance_gets_nothing_of_its_placement() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let host = make_host(&cloud, "edge");
    let csr = base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap());
    let join = Ask::new("POST", JOIN_PATH).json(&json!({ "token": token(&cloud, "edge"), "csr": csr }));
    let _ = Answer::from(cloud.hosts(join.request())).expect(200);
    let set = "/virtualMachineScaleSets/set";
    let body = json!({
        "location": "westeurope",
        "identity": { "type": "SystemAssigned" },
        "sku": { "name": "Standard_B1s", "capacity": 1 },
        "properties": {},
    });
    let instance = format!("{set}/virtualMachines/0");
    let workload = json!({ "workload": path(&cloud, &instance) });
    for generation in 0..2 {
        let _ = send(&cloud, "PUT", set, &body).expect(201);
        let shown = cloud.call(&cloud.home.operator, "GET", &path(&cloud, &instance), None).expect(200).body;
        assert!(shown["properties"].get("host").is_none(), "{generation}: {shown}");
        assert_eq!(desired(&cloud, host)["workloads"], json!([]), "{generation}");
        let _ = send(&cloud, "POST", "/hostGroups/racks/hosts/edge/place", &workload).expect(200);
        let there = desired(&cloud, host);
        assert_eq!(there["workloads"][0]["identities"].as_array().unwrap().len(), 1, "{there}");
        // With capacity an instance comes and goes, and its placement with it.
        let none = json!({ "sku": { "name": "Standard_B1s", "capacity": 0 } });
        if generation == 0 {
            let _ = send(&cloud, "PATCH", set, &none).expect(200);
        }
        let _ = cloud.call(&cloud.home.operator, "DELETE", &path(&cloud, set), None).expect(200);
        assert_eq!(desired(&cloud, host)["workloads"], json!([]), "{generation}");
    }
}
