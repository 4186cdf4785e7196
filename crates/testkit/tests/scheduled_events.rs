//! Scheduled events from the resource manager to a machine and back: what waits for a machine, for how long, and what does not.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_core::directory::find;
use bonafide_metadata::Options;
use bonafide_testkit::{Answer, Ask, Cloud, Host, Machine};
use bonafide_types::ResourceId;
use bonafide_wire::hosts::events_path;
use serde_json::{Value, json};

const EVENTS: &str = "/metadata/scheduledevents?api-version=2020-07-01";

struct Asking {
    cloud: Cloud,
    machine: Machine,
}

impl Asking {
    /// A machine on a host that is connected.
    fn new(properties: &Value) -> Self {
        let cloud = Cloud::unthrottled();
        cloud.make_group(&cloud.home, "rg");
        let machine = cloud.make_machine(&cloud.home, "rg", "vm1", true, &[]);
        cloud.place(&machine.id);
        let asking = Self { cloud, machine };
        let _ = asking.call("PATCH", "", Some(&json!({ "properties": properties }))).expect(200);
        asking.cloud.round();
        asking
    }

    fn call(&self, method: &str, below: &str, body: Option<&Value>) -> Answer {
        self.cloud.call(&self.cloud.home.operator, method, &format!("{}{below}", self.machine.id), body)
    }

    fn metadata(&self, method: &str, body: Option<&Value>) -> Answer {
        self.cloud.round();
        let ask = Ask::new(method, EVENTS).header("host", "169.254.169.254").header("metadata", "true");
        let ask = body.map_or(ask.clone(), |body| ask.json(body));
        self.cloud.metadata(&self.cloud.imds(&self.machine), &ask).into()
    }

    fn events(&self) -> Vec<Value> {
        self.metadata("GET", None).expect(200).body["Events"].as_array().unwrap().clone()
    }

    fn start(&self, event: &Value) {
        let _ = self.metadata("POST", Some(&json!({ "StartRequests": [{ "EventId": event["EventId"] }] }))).expect(200);
    }

    /// Lets time pass with the host connected and long operations going on.
    fn pass(&self, seconds: u64) {
        self.cloud.advance(seconds);
        self.cloud.upkeep();
        self.cloud.round();
    }

    fn power(&self) -> String {
        let view = self.call("GET", "/instanceView", None).expect(200);
        view.text_at("/statuses/1/code").to_owned()
    }

    fn is_there(&self) -> bool {
        self.call("GET", "", None).status == 200
    }
}

#[test]
fn a_machine_that_never_asked_is_acted_on_at_once() {
    let vm = Asking::new(&json!({ "priority": "Spot", "evictionPolicy": "Deallocate" }));
    let _ = vm.call("POST", "/restart", None).expect(200);
    let _ = vm.call("POST", "/redeploy", None).expect(200);
    let _ = vm.call("POST", "/simulateEviction", None).expect(204);
    assert_eq!(vm.power(), "PowerState/deallocated");
    vm.call("POST", "/simulateEviction", None).refused(409, "OperationNotAllowed");
}

#[test]
fn nobody_waits_for_a_machine_whose_host_is_not_connected_nor_for_one_that_has_not_asked_for_a_day() {
    let vm = Asking::new(&json!({}));
    assert_eq!(vm.events(), Vec::<Value>::new());
    vm.cloud.advance(3);
    let _ = vm.call("POST", "/restart", None).expect(200);
    vm.cloud.round();
    let _ = vm.call("POST", "/restart", None).expect(202);
    assert_eq!(vm.events().len(), 1);
    vm.pass(900);
    vm.pass(3);
    vm.pass(0);
    vm.cloud.advance(86_400);
    vm.cloud.round();
    let _ = vm.call("POST", "/restart", None).expect(200);
    assert_eq!(vm.events(), Vec::<Value>::new(), "asking makes it wait again");
    vm.cloud.round();
    let _ = vm.call("POST", "/restart", None).expect(202);
}

#[test]
fn an_eviction_is_told_thirty_seconds_before_and_happens_earlier_where_the_machine_agrees() {
    for agrees in [true, false] {
        let vm = Asking::new(&json!({ "priority": "Spot", "evictionPolicy": "Deallocate" }));
        assert!(vm.events().is_empty());
        let _ = vm.call("POST", "/simulateEviction", None).expect(204);
        let events = vm.events();
        assert_eq!((&events[0]["EventType"], &events[0]["EventStatus"]), (&json!("Preempt"), &json!("Scheduled")));
        if agrees {
            vm.start(&events[0]);
        } else {
            vm.pass(29);
            assert_eq!(vm.events()[0]["EventStatus"], "Scheduled");
            vm.pass(1);
        }
        assert_eq!(vm.events()[0]["EventStatus"], "Started");
        assert_eq!(vm.power(), "PowerState/running");
        vm.pass(3);
        assert_eq!(vm.power(), "PowerState/deallocated");
        assert!(vm.events().is_empty());
    }
    let vm = Asking::new(&json!({ "priority": "Spot", "evictionPolicy": "Delete" }));
    assert!(vm.events().is_empty());
    let _ = vm.call("POST", "/simulateEviction", None).expect(204);
    vm.start(&vm.events()[0]);
    vm.pass(3);
    assert!(!vm.is_there());
}

#[test]
fn a_second_request_for_the_same_waits_for_the_same_event() {
    let vm = Asking::new(&json!({}));
    assert!(vm.events().is_empty());
    for action in ["restart", "restart", "redeploy", "redeploy"] {
        let _ = vm.call("POST", &format!("/{action}"), None).expect(202);
    }
    let events = vm.events();
    let kinds: Vec<&str> = events.iter().map(|event| event["EventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Reboot", "Redeploy"]);
    for event in &events {
        vm.start(event);
    }
    vm.pass(3);
    assert!(vm.events().is_empty());
}

#[test]
fn a_deletion_is_told_to_a_machine_that_wants_it_and_waits_for_it_no_longer_than_it_said() {
    let profile = |timeout: &str| json!({ "scheduledEventsProfile": { "terminateNotificationProfile": { "notBeforeTimeout": timeout, "enable": true } } });
    for agrees in [true, false] {
        let vm = Asking::new(&profile("PT7M"));
        assert!(vm.events().is_empty());
        let _ = vm.call("DELETE", "", None).expect(202);
        let events = vm.events();
        assert_eq!(events[0]["EventType"], "Terminate");
        assert!(vm.is_there());
        if agrees {
            vm.start(&events[0]);
        } else {
            vm.pass(419);
            assert_eq!(vm.events()[0]["EventStatus"], "Scheduled");
            vm.pass(1);
            assert_eq!(vm.events()[0]["EventStatus"], "Started");
        }
        vm.pass(3);
        assert!(!vm.is_there());
    }
    let vm = Asking::new(&json!({}));
    assert!(vm.events().is_empty());
    let _ = vm.call("DELETE", "", None).expect(200);
    for wrong in ["PT4M", "PT16M", "5", "PT1H", ""] {
        let vm = Asking::new(&json!({}));
        let body = json!({ "properties": profile(wrong) });
        let _ = vm.call("PATCH", "", Some(&body)).expect(400);
    }
}

#[test]
fn id_12_a_host_says_for_no_machine_but_its_own_that_an_event_may_start() {
    let vm = Asking::new(&json!({}));
    assert!(vm.events().is_empty());
    let _ = vm.call("POST", "/restart", None).expect(202);
    let event = vm.events()[0]["EventId"].clone();
    let edge = Host::join(&vm.cloud, "edge", Options::default());
    let say = |host, body: &Value| -> Answer {
        vm.cloud.hosts(Ask::new("POST", &events_path(vm.machine.uuid)).json(body).over(host).request()).into()
    };
    say(edge.id, &json!({ "start": [event] })).refused(403, "NotPlaced");
    say(edge.id, &json!({})).refused(403, "NotPlaced");
    assert_eq!(vm.events()[0]["EventStatus"], "Scheduled");
    let other = vm.cloud.world().entropy.guid().to_string();
    say(vm.cloud.local.id, &json!({ "start": [event, other] })).refused(404, "NoSuchEvent");
    assert_eq!(vm.events()[0]["EventStatus"], "Scheduled", "all or none");
    say(vm.cloud.local.id, &json!({ "start": vec![event.clone(); 17] })).refused(400, "Malformed");
    let _ = say(vm.cloud.local.id, &json!({ "start": [event] })).expect(200);
    assert_eq!(vm.events()[0]["EventStatus"], "Started");
}

#[test]
fn while_the_control_plane_is_away_a_machine_is_told_what_is_known() {
    let vm = Asking::new(&json!({}));
    vm.cloud.local.set_offline(true);
    let ask = || -> Answer {
        let ask = Ask::new("GET", EVENTS).header("host", "169.254.169.254").header("metadata", "true");
        vm.cloud.metadata(&vm.cloud.imds(&vm.machine), &ask).into()
    };
    assert_eq!(ask().expect(200).body, json!({ "DocumentIncarnation": 1, "Events": [] }));
    vm.cloud.local.set_offline(false);
    vm.cloud.advance(60);
    assert!(vm.events().is_empty());
    let _ = vm.call("POST", "/restart", None).expect(202);
    let event = vm.events()[0]["EventId"].clone();
    vm.cloud.local.set_offline(true);
    assert_eq!(ask().expect(200).body["Events"][0]["EventId"], event);
    let body = json!({ "StartRequests": [{ "EventId": event }] });
    let ask = Ask::new("POST", EVENTS).header("host", "169.254.169.254").header("metadata", "true").json(&body);
    let answer: Answer = vm.cloud.metadata(&vm.cloud.imds(&vm.machine), &ask).into();
    let _ = answer.expect(500);
}

#[test]
fn an_instance_of_a_scale_set_is_told_by_its_own_name_and_evicted_by_the_policy_of_its_set() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let set = cloud.home.id("rg", "Microsoft.Compute/virtualMachineScaleSets", "set");
    let body = json!({
        "location": "westus", "sku": {"name": "s", "capacity": 1},
        "properties": { "virtualMachineProfile": { "priority": "Spot", "evictionPolicy": "Deallocate" } },
    });
    let _ = cloud.call(&cloud.home.operator, "PUT", set.as_str(), Some(&body)).expect(201);
    let id = ResourceId::parse(&format!("{set}/virtualMachines/0")).unwrap();
    let (uuid, _) = cloud.store.read(|tx| find(tx, &id)).unwrap().unwrap();
    cloud.place(&id);
    cloud.round();
    let vm = Asking { cloud, machine: Machine { id, uuid, principal: None } };
    assert!(vm.events().is_empty());
    let _ = vm.call("POST", "/simulateEviction", None).expect(204);
    let events = vm.events();
    assert_eq!((&events[0]["Resources"], &events[0]["EventType"]), (&json!(["set_0"]), &json!("Preempt")));
    vm.start(&events[0]);
    vm.pass(3);
    assert_eq!(vm.power(), "PowerState/deallocated");
}

#[test]
fn instances_that_are_scaled_away_are_told_as_their_set_says_and_go_together() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let operator = cloud.home.operator.clone();
    let set = cloud.home.id("rg", "Microsoft.Compute/virtualMachineScaleSets", "set");
    let profile = json!({ "terminateNotificationProfile": { "notBeforeTimeout": "PT5M", "enable": true } });
    let body = json!({
        "location": "westus", "sku": {"name": "s", "capacity": 3},
        "properties": { "virtualMachineProfile": { "scheduledEventsProfile": profile } },
    });
    let _ = cloud.call(&operator, "PUT", set.as_str(), Some(&body)).expect(201);
    let instance = |number: usize| {
        let id = ResourceId::parse(&format!("{set}/virtualMachines/{number}")).unwrap();
        let (uuid, _) = cloud.store.read(|tx| find(tx, &id)).unwrap().unwrap();
        cloud.place(&id);
        Machine { id, uuid, principal: None }
    };
    let (first, second) = (instance(1), instance(2));
    cloud.round();
    let events = |machine: &Machine| -> Vec<Value> {
        cloud.round();
        let ask = Ask::new("GET", EVENTS).header("host", "169.254.169.254").header("metadata", "true");
        let answer: Answer = cloud.metadata(&cloud.imds(machine), &ask).into();
        answer.expect(200).body["Events"].as_array().unwrap().clone()
    };
    assert!(events(&first).is_empty() && events(&second).is_empty());
    let _ = cloud.call(&operator, "PATCH", set.as_str(), Some(&json!({ "sku": { "capacity": 1 } })));
    let there = || {
        cloud.call(&operator, "GET", &format!("{set}/virtualMachines"), None).expect(200).body["value"]
            .as_array()
            .unwrap()
            .len()
    };
    let told = [events(&first), events(&second)];
    assert_eq!(told.clone().map(|told| told[0]["EventType"].clone()), [json!("Terminate"), json!("Terminate")]);
    assert_eq!((told[0][0]["Resources"].clone(), there()), (json!(["set_1"]), 3));
    let start = json!({ "StartRequests": [{ "EventId": told[0][0]["EventId"] }] });
    let ask = Ask::new("POST", EVENTS).header("host", "169.254.169.254").header("metadata", "true").json(&start);
    let answer: Answer = cloud.metadata(&cloud.imds(&first), &ask).into();
    let _ = answer.expect(200);
    let pass = |seconds| {
        cloud.advance(seconds);
        cloud.upkeep();
    };
    pass(10);
    assert_eq!(there(), 3, "one has not agreed");
    pass(290);
    pass(3);
    assert_eq!(there(), 1);
}
