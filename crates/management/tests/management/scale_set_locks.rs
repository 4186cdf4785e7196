//! Locks and the instances of scale sets: each way to an instance asks for them as a request that names it does.

use crate::cloud::{Answer, Cloud, Person, VM};
use crate::operations::Failing;
use http::Method;
use serde_json::{Value, json};

const LOCKS: &str = "2016-09-01";

/// A set and its first instance.
fn set_of(cloud: &Cloud, mode: &str, capacity: usize) -> (String, String) {
    let compute = format!("{}/providers/Microsoft.Compute", cloud.at("g"));
    let set = format!("{compute}/virtualMachineScaleSets/set");
    cloud.put(&set, VM, body(mode, capacity, "s")).expect(201);
    let instance = match mode {
        "Uniform" => format!("{set}/virtualMachines/0"),
        _ => format!("{compute}/virtualMachines/set_0"),
    };
    (set, instance)
}

fn body(mode: &str, capacity: usize, size: &str) -> Value {
    json!({
        "location": "westus",
        "sku": {"name": size, "capacity": capacity},
        "properties": {"orchestrationMode": mode, "upgradePolicy": {"mode": "Automatic"}},
    })
}

fn lock(cloud: &Cloud, at: &str, level: &str) -> String {
    let lock = format!("{at}/providers/Microsoft.Authorization/locks/keep");
    cloud.put(&lock, LOCKS, json!({"properties": {"level": level}})).expect(201);
    lock
}

fn is_locked(answer: &Answer) -> bool {
    (answer.status, answer.code()) == (409, "ScopeLocked")
}

struct Ways<'a> {
    cloud: &'a Cloud,
    by: Person,
    mode: &'static str,
    set: String,
    instance: String,
}

impl Ways<'_> {
    fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.cloud.call(&self.by, method, path, VM, body)
    }

    fn post(&self, action: &str, ids: Option<&str>) -> Answer {
        let body = ids.map(|id| json!({"instanceIds": [id]}));
        self.call(Method::POST, &format!("{}/{action}", self.set), body)
    }

    /// All that takes the first instance away.
    fn deletions(&self) -> Vec<Answer> {
        vec![
            self.call(Method::DELETE, &self.instance, None),
            self.post("delete", Some("0")),
            self.post("delete", Some("*")),
            self.call(Method::PATCH, &self.set, Some(json!({"sku": {"capacity": 0}}))),
            self.call(Method::PUT, &self.set, Some(body(self.mode, 0, "s"))),
        ]
    }

    /// All that changes the first instance.
    fn writes(&self) -> Vec<Answer> {
        vec![
            self.call(Method::POST, &format!("{}/deallocate", self.instance), None),
            self.post("deallocate", Some("0")),
            self.post("powerOff", None),
            self.post("start", None),
            self.post("manualupgrade", Some("0")),
            self.post("manualupgrade", Some("*")),
            self.call(Method::PUT, &self.set, Some(body(self.mode, 2, "other"))),
        ]
    }
}

#[test]
fn a_locked_instance_stays_as_it_is_whichever_way_leads_to_it() {
    for mode in ["Uniform", "Flexible"] {
        let cloud = Cloud::with_group();
        let (set, instance) = set_of(&cloud, mode, 2);
        let ways = Ways { cloud: &cloud, by: cloud.in_subscription("Contributor"), mode, set, instance };
        for level in ["ReadOnly", "CanNotDelete"] {
            for at in [ways.instance.clone(), cloud.at("g"), cloud.root()] {
                let lock = lock(&cloud, &at, level);
                let mut refused = ways.deletions();
                refused.push(ways.call(Method::DELETE, &ways.set, None));
                if level == "ReadOnly" {
                    refused.extend(ways.writes());
                }
                for (n, answer) in refused.iter().enumerate() {
                    assert!(is_locked(answer), "{mode} {level} {at} {n}: {} {}", answer.status, answer.body);
                }
                cloud.get(&lock, LOCKS).expect(200);
                cloud.delete(&lock, LOCKS).expect(200);
            }
        }
        // Another instance can be deleted, and a lock that stops deletions stops no change.
        lock(&cloud, &ways.instance, "CanNotDelete");
        for answer in ways.writes() {
            assert!(answer.status < 300, "{mode}: {} {}", answer.status, answer.body);
        }
        assert!(ways.post("delete", Some("1")).status < 300);
        cloud.get(&ways.instance, VM).expect(200);
    }
}

#[test]
fn what_lies_below_a_machine_of_a_set_is_locked_for_the_set_too() {
    let cloud = Cloud::with_group();
    let (set, machine) = set_of(&cloud, "Flexible", 1);
    let extension = format!("{machine}/extensions/one");
    cloud.put(&extension, VM, json!({"location": "westus", "properties": {}})).expect(201);
    lock(&cloud, &extension, "CanNotDelete");
    let by = cloud.in_subscription("Contributor");
    let ways = Ways { cloud: &cloud, by, mode: "Flexible", set, instance: machine };
    for answer in ways.deletions().into_iter().chain([ways.call(Method::DELETE, &ways.set, None)]) {
        assert!(is_locked(&answer), "{} {}", answer.status, answer.body);
    }
}

#[test]
fn a_lock_that_comes_between_two_steps_ends_the_operation() {
    for mode in ["Uniform", "Flexible"] {
        for way in ["capacity", "delete", "deallocate", "set"] {
            let failing = Failing::new();
            let cloud = &failing.cloud;
            let (set, first) = set_of(cloud, mode, 350);
            let compute = format!("{}/providers/Microsoft.Compute", cloud.at("g"));
            let last = match mode {
                "Uniform" => format!("{set}/virtualMachines/349"),
                _ => format!("{compute}/virtualMachines/set_349"),
            };
            let post = |cloud: &Cloud, action: &str| {
                let all = json!({"instanceIds": ["*"]});
                cloud.call(&cloud.owner, Method::POST, &format!("{set}/{action}"), VM, Some(all))
            };
            let (answer, _) = failing.during(2, |cloud| match way {
                "capacity" => cloud.patch(&set, VM, json!({"sku": {"capacity": 0}})),
                "set" => cloud.delete(&set, VM),
                _ => post(cloud, way),
            });
            let address = answer.header("azure-asyncoperation");
            let address = address.strip_prefix("https://localhost:8443").unwrap();
            // The newest go first with the capacity, the oldest otherwise.
            let kept = if way == "capacity" { &first } else { &last };
            if (mode, way) == ("Uniform", "set") {
                // Nothing below what is going takes a lock.
                let lock = format!("{kept}/providers/Microsoft.Authorization/locks/keep");
                let refused = cloud.put(&lock, LOCKS, json!({"properties": {"level": "CanNotDelete"}}));
                assert_eq!(refused.status, 409);
                continue;
            }
            lock(cloud, kept, "ReadOnly");
            cloud.advance_all().unwrap();
            let poll = cloud.get(address, "");
            assert_eq!(poll.body["status"], "Failed", "{mode} {way}");
            assert_eq!(poll.body["error"]["code"], "ScopeLocked", "{mode} {way}");
            cloud.get(kept, VM).expect(200);
            cloud.get(&set, VM).expect(200);
        }
    }
}

#[test]
fn the_tags_that_machines_have_of_their_set_are_bounded_in_all() {
    let cloud = Cloud::with_group();
    let tags: serde_json::Map<String, Value> =
        (0..50).map(|n| (format!("{n:0>200}"), "x".repeat(256).into())).collect();
    let compute = format!("{}/providers/Microsoft.Compute", cloud.at("g"));
    for (name, mode, capacity, status) in
        [("a", "Flexible", 1_000, 400), ("b", "Flexible", 100, 201), ("c", "Uniform", 1_000, 201)]
    {
        let mut body = body(mode, capacity, "s");
        body["tags"] = tags.clone().into();
        let set = format!("{compute}/virtualMachineScaleSets/{name}");
        let answer = cloud.put(&set, VM, body);
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
    }
    let set = format!("{compute}/virtualMachineScaleSets/b");
    cloud.patch(&set, VM, json!({"sku": {"capacity": 1_000}})).refused(400, "InvalidParameter");
}
