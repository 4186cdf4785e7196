//! The facts of placed machines: whose they are, what they are made from, and when they change.

use crate::cloud::{Cloud, system, world};
use bonafide_core::directory::{Body, RESOURCES, Resource, find};
use bonafide_core::lifecycle::{PlacementsOfBefore, SaveError, save, take_away};
use bonafide_core::placement::{INSTANCE_FACTS, PLACEMENTS, Placement};
use bonafide_crypto::SystemEntropy;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceId, ResourceUuid};
use serde_json::{Value, json};
use std::cell::Cell;

impl Cloud {
    fn put(&self, id: &ResourceId, body: &Value) -> ResourceUuid {
        let body = Body::kept(id, body.as_object().unwrap().clone());
        let saved = self.store.write(|tx| {
            let group: Option<ResourceUuid> = Some("0000000a-0000-4000-8000-000000000000".parse().unwrap());
            let new = || (ResourceUuid::random(&SystemEntropy), Resource { group, ..self.resource(id.clone()) });
            let (uuid, found) = find(tx, id)?.unwrap_or_else(new);
            let mut resource = Resource { body: body.clone(), ..found };
            save(tx, &world(), &self.allowed(), uuid, &mut resource, None)?;
            Ok::<_, SaveError>(uuid)
        });
        saved.unwrap()
    }

    fn facts(&self, id: &ResourceId) -> Option<Value> {
        let read = self.store.read(|tx| {
            let (uuid, _) = find(tx, id)?.unwrap();
            Ok::<_, StoreError>((tx.get(&INSTANCE_FACTS, &uuid)?, tx.get(&PLACEMENTS, &(self.host, uuid))?))
        });
        let (facts, placement) = read.unwrap();
        assert_eq!(facts.as_ref().map(|facts| facts.etag()), placement.and_then(|placement| placement.instance));
        facts.map(|facts| facts.document)
    }

    fn network(&self, id: &ResourceId) -> Value {
        self.facts(id).unwrap()["network"]["interface"].clone()
    }
}

fn body() -> Value {
    json!({
        "location": "West Europe",
        "zones": ["2"],
        "plan": { "name": "n", "product": "p", "publisher": "q" },
        "properties": {
            "hardwareProfile": { "vmSize": "Standard_B1s" },
            "osProfile": {
                "adminUsername": "me", "customData": "c2VjcmV0", "adminPassword": "hunter2",
                "linuxConfiguration": {
                    "disablePasswordAuthentication": true,
                    "ssh": { "publicKeys": [{ "keyData": "ssh-ed25519 A", "path": "/etc/ssh/me/authorized_keys" }] },
                },
            },
            "securityProfile": { "securityType": "TrustedLaunch", "uefiSettings": { "secureBootEnabled": true } },
            "storageProfile": {
                "imageReference": { "publisher": "Canonical", "offer": "ubuntu", "sku": "24_04", "version": "latest" },
                "osDisk": { "name": "os", "diskSizeGB": 30 },
                "dataDisks": [{ "lun": 0, "name": "d0", "diskSizeGB": 4 }],
            },
            "userData": "dXNlcg==",
        },
    })
}

#[test]
fn a_machine_that_is_placed_has_its_facts_and_no_secret_in_them() {
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    let uuid = cloud.put(&vm, &body());
    assert_eq!(cloud.facts(&vm), None, "nobody reads those of a machine that runs nowhere");
    cloud.place(&vm);
    let facts = cloud.facts(&vm).unwrap();
    let compute = &facts["compute"];
    for (name, value) in [
        ("location", "westeurope"),
        ("zone", "2"),
        ("vmId", uuid.to_string().as_str()),
        ("vmSize", "Standard_B1s"),
        ("osType", "Linux"),
        ("resourceId", vm.as_str()),
        ("azEnvironment", "AzurePublicCloud"),
        ("userData", "dXNlcg=="),
        ("customData", ""),
        ("offer", "ubuntu"),
        ("platformFaultDomain", "0"),
    ] {
        assert_eq!(compute[name], value, "{name}");
    }
    assert_eq!(compute["osProfile"]["disablePasswordAuthentication"], "true");
    assert_eq!(compute["securityProfile"]["secureBootEnabled"], "true");
    assert_eq!(compute["securityProfile"]["virtualTpmEnabled"], "false");
    assert_eq!(compute["publicKeys"][0]["keyData"], "ssh-ed25519 A");
    assert_eq!(compute["storageProfile"]["dataDisks"][0]["diskCapacityBytes"], "4294967296");
    for secret in ["c2VjcmV0", "hunter2"] {
        assert!(!facts.to_string().contains(secret));
    }
    let interface = &facts["network"]["interface"][0];
    assert_eq!(interface["macAddress"].as_str().unwrap().len(), 12);
    assert!(interface["ipv4"]["ipAddress"][0]["privateIpAddress"].as_str().unwrap().starts_with("10.0.0."));
}

/// Every value is a text, and none is left out.
#[test]
fn the_newest_documented_members_are_all_there_and_all_are_texts() {
    fn check(path: &str, documented: &Value, made: &Value) {
        match documented {
            Value::Object(members) => {
                for (name, below) in members {
                    check(&format!("{path}/{name}"), below, made.get(name).unwrap_or_else(|| panic!("{path}/{name}")));
                }
                let more: Vec<_> =
                    made.as_object().unwrap().keys().filter(|name| !members.contains_key(*name)).collect();
                assert!(more.is_empty(), "{path}: {more:?}");
            }
            Value::Array(elements) => {
                let made = made.as_array().unwrap();
                made.iter().zip(elements.iter().cycle()).for_each(|(made, of)| check(path, of, made));
            }
            _ => assert!(made.is_string(), "{path}"),
        }
    }
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    cloud.put(&vm, &body());
    cloud.place(&vm);
    let sample: Value =
        serde_json::from_str(include_str!("../../../metadata/tests/data/instance/2025-04-07.json")).unwrap();
    check("", &sample["body"], &cloud.facts(&vm).unwrap());
}

#[test]
fn facts_follow_the_interface_its_public_address_and_its_subnet() {
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    let nic = cloud.id("Microsoft.Network/networkInterfaces", "nic1");
    let address = cloud.id("Microsoft.Network/publicIPAddresses", "ip1");
    let network = cloud.id("Microsoft.Network/virtualNetworks", "net1");
    let subnet = network.child("subnets", "sub1").unwrap();
    let mut machine = body();
    machine["properties"]["networkProfile"] = json!({ "networkInterfaces": [{ "id": nic.as_str().to_uppercase() }] });
    cloud.put(&vm, &machine);
    cloud.place(&vm);
    let made = cloud.network(&vm);
    let of_nic = |more: Value| {
        let mut properties =
            json!({ "publicIPAddress": { "id": address.as_str() }, "subnet": { "id": subnet.as_str() } });
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "properties": { "macAddress": "00-0d-3a-aa-bb-cc", "ipConfigurations": [{ "name": "c", "properties": properties }] } })
    };
    cloud.put(&nic, &of_nic(json!({})));
    let with_nic = cloud.network(&vm);
    assert_ne!(with_nic, made);
    assert_eq!(with_nic[0]["macAddress"], "000D3AAABBCC");
    assert_eq!(with_nic[0]["ipv4"]["ipAddress"][0]["publicIpAddress"], "");
    cloud.put(&subnet, &json!({ "properties": { "addressPrefix": "10.7.0.0/16" } }));
    cloud.put(&address, &json!({ "properties": { "ipAddress": "198.51.100.7" } }));
    let whole = cloud.network(&vm);
    assert_eq!(whole[0]["ipv4"]["subnet"], json!([{ "address": "10.7.0.0", "prefix": "16" }]));
    assert_eq!(whole[0]["ipv4"]["ipAddress"][0]["publicIpAddress"], "198.51.100.7");
    assert!(whole[0]["ipv4"]["ipAddress"][0]["privateIpAddress"].as_str().unwrap().starts_with("10.7."));
    cloud.put(&nic, &of_nic(json!({ "privateIPAddress": "10.7.1.2" })));
    assert_eq!(cloud.network(&vm)[0]["ipv4"]["ipAddress"][0]["privateIpAddress"], "10.7.1.2");
    cloud.delete(&address);
    assert_eq!(cloud.network(&vm)[0]["ipv4"]["ipAddress"][0]["publicIpAddress"], "");
    cloud.delete(&nic);
    assert_eq!(cloud.network(&vm), made);
}

#[test]
fn tags_of_the_operator_say_what_nothing_else_knows_and_are_shown_as_no_tags() {
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    let uuid = cloud.put(&vm, &body());
    cloud.place(&vm);
    let saved = cloud.store.write(|tx| {
        let mut resource = tx.get(&RESOURCES, &uuid)?.unwrap();
        resource.tags = json!({ "Team": "a", "bonafide.physicalZone": "rack7", "BONAFIDE.azEnvironment": "AzureChinaCloud", "b": "c" })
            .as_object()
            .unwrap()
            .clone();
        save(tx, &world(), &cloud.allowed(), uuid, &mut resource, None)
    });
    saved.unwrap();
    let compute = cloud.facts(&vm).unwrap()["compute"].clone();
    assert_eq!((&compute["physicalZone"], &compute["azEnvironment"]), (&json!("rack7"), &json!("AzureChinaCloud")));
    assert_eq!(compute["tags"], "Team:a;b:c");
    assert_eq!(compute["tagsList"], json!([{ "name": "Team", "value": "a" }, { "name": "b", "value": "c" }]));
}

#[test]
fn id_04_what_is_placed_nowhere_any_more_has_no_facts() {
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    let uuid = cloud.put(&vm, &body());
    cloud.place(&vm);
    assert!(cloud.facts(&vm).is_some());
    cloud.store.write(|tx| take_away(tx, cloud.host, uuid)).unwrap();
    assert_eq!(cloud.facts(&vm), None);
    cloud.place(&vm);
    cloud.delete(&vm);
    assert!(cloud.store.read(|tx| tx.get(&INSTANCE_FACTS, &uuid)).unwrap().is_none());
}

/// As in a data directory of the time before facts, and as where more machines share a subnet than one write brings up to date.
#[test]
fn placements_of_an_older_version_get_their_facts_without_a_write_of_the_machine() {
    const MANY: usize = 150;
    let cloud = Cloud::new();
    let machines: Vec<ResourceId> = (0..MANY).map(|at| cloud.machine(&format!("vm{at}"))).collect();
    for vm in &machines {
        let uuid = cloud.put(vm, &body());
        cloud.place(vm);
        let key = (cloud.host, uuid);
        let forgotten = cloud.store.write(|tx| {
            let placement = tx.get(&PLACEMENTS, &key)?.unwrap();
            tx.put(&PLACEMENTS, &key, &Placement { instance: None, ..placement })?;
            tx.delete(&INSTANCE_FACTS, &uuid)
        });
        forgotten.unwrap();
    }
    let mut pass = PlacementsOfBefore::default();
    pass.go_on(&cloud.store).unwrap();
    assert!(machines.iter().all(|vm| cloud.facts(vm).is_some()));
    // Facts that are as they should be are left alone, by this pass and by the next start's.
    let rows = || cloud.store.read(|tx| tx.page(&PLACEMENTS, &(), None, usize::MAX)).unwrap();
    let before = (rows(), cloud.store.read(|tx| Ok::<_, StoreError>(tx.cursor())).unwrap());
    pass.go_on(&cloud.store).unwrap();
    PlacementsOfBefore::default().go_on(&cloud.store).unwrap();
    assert_eq!((rows(), cloud.store.read(|tx| Ok::<_, StoreError>(tx.cursor())).unwrap()), before);
}

#[test]
fn a_write_that_changes_no_fact_wakes_no_host() {
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    let uuid = cloud.put(&vm, &body());
    cloud.place(&vm);
    let before = cloud.store.read(|tx| tx.get(&PLACEMENTS, &(cloud.host, uuid))).unwrap();
    cloud.put(&vm, &body());
    assert_eq!(cloud.store.read(|tx| tx.get(&PLACEMENTS, &(cloud.host, uuid))).unwrap(), before);
}

/// Only an identity that is taken from a machine has to be looked for at the others of its host.
#[test]
fn a_change_of_one_machine_reads_nothing_of_the_others_on_its_host() {
    let cloud = Cloud::new();
    let [one, other] = ["one", "other"].map(|name| cloud.machine(name));
    for machine in [&one, &other] {
        cloud.put(machine, &body());
        cloud.change(machine, &system()).unwrap();
        cloud.place(machine);
    }
    let resized = |size: &str| {
        let mut body = body();
        body["properties"]["hardwareProfile"]["vmSize"] = size.into();
        body
    };
    let attempts = Cell::new(0);
    let saved = cloud.store.write(|tx| {
        let (uuid, found) = find(tx, &one)?.unwrap();
        let body = Body::kept(&one, resized("Standard_B2s").as_object().unwrap().clone());
        let mut resource = Resource { body, ..found };
        save(tx, &world(), &cloud.allowed(), uuid, &mut resource, None)?;
        // Another machine of the host changes before this one is committed.
        if attempts.replace(attempts.get() + 1) == 0 {
            std::thread::scope(|scope| scope.spawn(|| cloud.put(&other, &resized("Standard_B4ms"))).join()).unwrap();
        }
        Ok::<_, SaveError>(())
    });
    saved.unwrap();
    assert_eq!(attempts.get(), 1, "it had to be made again");
    for (machine, size) in [(&one, "Standard_B2s"), (&other, "Standard_B4ms")] {
        assert_eq!(cloud.facts(machine).unwrap()["compute"]["vmSize"], size);
    }
}
fn balanced(cloud: &Cloud, vm: &ResourceId) -> Value {
    cloud.facts(vm).unwrap()["loadbalancer"].clone()
}

/// A load balancer with a public frontend, one of the network, and a rule for its pool.
fn balancer(cloud: &Cloud, sku: &str) -> (ResourceId, Value) {
    let id = cloud.id("Microsoft.Network/loadBalancers", "lb1");
    let pool = id.child("backendAddressPools", "p").unwrap();
    let of = |name: &str| json!({ "id": id.child("frontendIPConfigurations", name).unwrap().as_str().to_uppercase() });
    let address = cloud.id("Microsoft.Network/publicIPAddresses", "front");
    let rule = |frontend: &str, port: u16| {
        json!({ "name": "r", "properties": {
            "frontendIPConfiguration": of(frontend), "backendAddressPool": { "id": pool.as_str() },
            "protocol": "Tcp", "frontendPort": port, "backendPort": 8080,
        } })
    };
    let body = json!({ "sku": { "name": sku }, "properties": {
        "frontendIPConfigurations": [
            { "name": "public", "properties": { "publicIPAddress": { "id": address.as_str() } } },
            { "name": "inner", "properties": { "privateIPAddress": "10.1.0.200" } },
            { "name": "six", "properties": { "privateIPAddress": "fd00::1" } },
        ],
        "loadBalancingRules": [rule("public", 80), rule("inner", 81), rule("six", 82), rule("nowhere", 83)],
        "outboundRules": [{ "name": "o", "properties": {
            "frontendIPConfigurations": [of("public")], "backendAddressPool": { "id": pool.as_str() },
        } }],
    } });
    (id, body)
}

#[test]
fn a_machine_is_told_the_rules_of_the_standard_load_balancers_whose_pools_it_is_in() {
    let cloud = Cloud::new();
    let vm = cloud.machine("vm1");
    let nic = cloud.id("Microsoft.Network/networkInterfaces", "nic1");
    let mut machine = body();
    machine["properties"]["networkProfile"] = json!({ "networkInterfaces": [{ "id": nic.as_str() }] });
    cloud.put(&vm, &machine);
    cloud.place(&vm);
    let (id, standard) = balancer(&cloud, "Standard");
    let pool = id.child("backendAddressPools", "p").unwrap();
    let rule = id.child("inboundNatRules", "ssh").unwrap();
    let own = cloud.id("Microsoft.Network/publicIPAddresses", "own");
    cloud.put(
        &nic,
        &json!({ "properties": { "ipConfigurations": [{ "name": "c", "properties": {
        "privateIPAddress": "10.1.0.4", "publicIPAddress": { "id": own.as_str() },
        "loadBalancerBackendAddressPools": [{ "id": pool.as_str() }],
        "loadBalancerInboundNatRules": [{ "id": rule.as_str() }],
    } }] } }),
    );
    assert_eq!(balanced(&cloud, &vm), Value::Null, "there is no such pool yet");
    cloud.put(
        &cloud.id("Microsoft.Network/publicIPAddresses", "front"),
        &json!({ "properties": { "ipAddress": "50.0.0.1" } }),
    );
    cloud.put(&id, &standard);
    cloud.put(&pool, &json!({}));
    let public = json!({ "frontendIpAddress": "50.0.0.1", "privateIpAddress": "10.1.0.4" });
    let rule_at = |frontend: &str, port: u16, backend: u16| json!({ "frontendIpAddress": frontend, "protocol": "tcp", "frontendPort": port, "backendPort": backend, "privateIpAddress": "10.1.0.4" });
    let mut told = json!({
        "publicIpAddresses": [],
        "inboundRules": [rule_at("50.0.0.1", 80, 8080), rule_at("10.1.0.200", 81, 8080)],
        "outboundRules": [public],
    });
    assert_eq!(balanced(&cloud, &vm), told);
    // An address of its own, and a way in for it alone.
    cloud.put(&own, &json!({ "sku": { "name": "Standard" }, "properties": { "ipAddress": "51.0.0.1" } }));
    told["publicIpAddresses"] = json!([{ "frontendIpAddress": "51.0.0.1", "privateIpAddress": "10.1.0.4" }]);
    assert_eq!(balanced(&cloud, &vm), told);
    cloud.put(
        &rule,
        &json!({ "properties": {
        "frontendIPConfiguration": { "id": id.child("frontendIPConfigurations", "public").unwrap().as_str() },
        "protocol": "Tcp", "frontendPort": 2222, "backendPort": 22,
    } }),
    );
    told["inboundRules"].as_array_mut().unwrap().push(rule_at("50.0.0.1", 2222, 22));
    assert_eq!(balanced(&cloud, &vm), told);
    // Of basic SKU nothing is told.
    cloud.put(&id, &balancer(&cloud, "Basic").1);
    assert_eq!(balanced(&cloud, &vm)["inboundRules"], json!([]));
    cloud.put(&own, &json!({ "properties": { "ipAddress": "51.0.0.1" } }));
    assert_eq!(balanced(&cloud, &vm), Value::Null);
}

#[test]
fn a_pool_that_names_an_address_reaches_the_machine_in_that_network_and_no_other() {
    let cloud = Cloud::new();
    let network = cloud.id("Microsoft.Network/virtualNetworks", "net1");
    let subnet = network.child("subnets", "s").unwrap();
    let machines: Vec<ResourceId> = ["1", "2"]
        .into_iter()
        .map(|number| {
            let (vm, nic) = (
                cloud.machine(&format!("vm{number}")),
                cloud.id("Microsoft.Network/networkInterfaces", &format!("nic{number}")),
            );
            let mut machine = body();
            machine["properties"]["networkProfile"] = json!({ "networkInterfaces": [{ "id": nic.as_str() }] });
            cloud.put(&vm, &machine);
            cloud.put(
                &nic,
                &json!({ "properties": { "ipConfigurations": [{ "name": "c", "properties": {
            "privateIPAddress": format!("10.1.0.{number}"), "subnet": { "id": subnet.as_str() },
        } }] } }),
            );
            cloud.place(&vm);
            vm
        })
        .collect();
    let (id, standard) = balancer(&cloud, "Standard");
    cloud.put(&id, &standard);
    let pool = id.child("backendAddressPools", "p").unwrap();
    let naming = |network: &ResourceId, address: &str| {
        json!({ "properties": { "loadBalancerBackendAddresses": [{ "name": "a", "properties": {
            "ipAddress": address, "virtualNetwork": { "id": network.as_str() },
        } }] } })
    };
    cloud.put(&pool, &naming(&network, "10.1.0.1"));
    let rules = |at: usize| balanced(&cloud, &machines[at])["inboundRules"].as_array().map(Vec::len);
    assert_eq!((rules(0), rules(1)), (Some(1), None));
    cloud.put(&pool, &naming(&network, "10.1.0.2"));
    assert_eq!((rules(0), rules(1)), (None, Some(1)));
    cloud.put(&pool, &naming(&cloud.id("Microsoft.Network/virtualNetworks", "net2"), "10.1.0.2"));
    assert_eq!((rules(0), rules(1)), (None, None));
}
