//! The extension of a scale set on the hosts of its instances: by policy, on scale-out, through restarts, and many at once.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_core::directory::find;
use bonafide_testkit::{Answer, Ask, Cloud};
use bonafide_types::{ResourceId, ResourceUuid};
use bonafide_wire::hosts::{DESIRED_PATH, DIALECTS_PATH, extension_path};
use serde_json::{Value, json};

struct Set<'a> {
    cloud: &'a Cloud,
    id: String,
    mode: &'static str,
}

impl<'a> Set<'a> {
    fn new(cloud: &'a Cloud, mode: &'static str, policy: &str, capacity: usize) -> Self {
        cloud.make_group(&cloud.home, "rg");
        let says = cloud.hosts(
            Ask::new("PUT", DIALECTS_PATH)
                .json(&json!({"dialects": ["imds", "vm-extension"]}))
                .over(cloud.local.id)
                .request(),
        );
        let _ = Answer::from(says).expect(204);
        let id = cloud.home.id("rg", "Microsoft.Compute/virtualMachineScaleSets", "set").to_string();
        let set = Self { cloud, id, mode };
        let _ = set.call("PUT", "", &json!({
            "location": "westeurope", "sku": {"name": "s", "capacity": capacity}, "identity": {"type": "SystemAssigned"},
            "properties": {"orchestrationMode": mode, "upgradePolicy": {"mode": policy}},
        })).expect(201);
        set
    }

    fn call(&self, method: &str, below: &str, body: &Value) -> Answer {
        self.cloud.call(
            &self.cloud.home.operator,
            method,
            &format!("{}{below}", self.id),
            Some(body).filter(|body| !body.is_null()),
        )
    }

    fn put(&self, more: &Value) -> Answer {
        let mut properties =
            json!({"publisher": "Microsoft.ManagedIdentity", "type": "ManagedIdentityExtensionForLinux"});
        for (name, value) in more.as_object().unwrap() {
            properties[name] = value.clone();
        }
        self.call("PUT", "/extensions/msi", &json!({ "properties": properties }))
    }

    /// An instance by its number, put on the host.
    fn place(&self, number: usize) -> ResourceUuid {
        let id = ResourceId::parse(&self.instance(number)).unwrap();
        self.cloud.place(&id);
        self.cloud.store.read(|tx| find(tx, &id)).unwrap().unwrap().0
    }

    fn instance(&self, number: usize) -> String {
        match self.mode {
            "Uniform" => format!("{}/virtualMachines/{number}", self.id),
            _ => self.id.replace("virtualMachineScaleSets/set", &format!("virtualMachines/set_{number}")),
        }
    }

    /// The endpoint that the host is to serve for an instance.
    fn desired(&self, workload: ResourceUuid) -> Value {
        let desired = self.cloud.hosts(Ask::new("GET", DESIRED_PATH).over(self.cloud.local.id).request());
        let desired = Answer::from(desired).expect(200).body;
        let all = desired["workloads"].as_array().unwrap();
        all.iter().find(|one| one["id"] == workload.to_string()).unwrap()["extension"].clone()
    }

    fn report(&self, workload: ResourceUuid, state: &str) {
        let run = &self.desired(workload)["run"];
        let body = json!({"run": run, "state": state});
        let answer = self
            .cloud
            .hosts(Ask::new("PUT", &extension_path(workload)).json(&body).over(self.cloud.local.id).request());
        let _ = Answer::from(answer).expect(204);
    }

    /// The end of the operation that an answer began, as far as it has come.
    fn end(&self, answer: &Answer) -> String {
        let url = answer.header("azure-asyncoperation").strip_prefix("https://localhost:8443").unwrap().to_owned();
        let url = url.split('?').next().unwrap();
        let shown = self.cloud.call(&self.cloud.home.operator, "GET", url, None).expect(200).body;
        format!("{} {}", shown["status"].as_str().unwrap(), shown["error"]["code"].as_str().unwrap_or_default())
    }

    fn state(&self) -> Value {
        self.call("GET", "/extensions/msi", &Value::Null).expect(200).body["properties"]["provisioningState"].clone()
    }
}

#[test]
fn an_instance_serves_the_extension_of_the_model_that_it_has_exactly_as_a_machine_does() {
    for mode in ["Uniform", "Flexible"] {
        let cloud = Cloud::unthrottled();
        let set = Set::new(&cloud, mode, "Manual", 2);
        let (first, second) = (set.place(0), set.place(1));
        // By the manual policy it reaches an instance that is told to have it.
        let made = set.put(&json!({"settings": {"port": 50343}})).expect(201);
        assert_eq!(made.header("azure-asyncoperation"), "", "{mode}");
        assert_eq!((set.desired(first), set.state()), (Value::Null, json!("Succeeded")), "{mode}");
        let upgrade = set.call("POST", "/manualupgrade", &json!({"instanceIds": ["0"]})).expect(202);
        assert_eq!(set.end(&upgrade), "InProgress ", "{mode}");
        let asked = set.desired(first);
        assert_eq!((&asked["port"], &asked["system"]), (&json!(50343), &json!("linux")), "{mode}");
        assert_eq!(set.desired(second), Value::Null, "{mode}");
        set.report(first, "answers");
        assert_eq!(set.end(&upgrade), "Succeeded ", "{mode}");
        assert_eq!(set.state(), "Succeeded", "{mode}");
        let shown =
            cloud.call(&cloud.home.operator, "GET", &format!("{}/extensions/MSI", set.instance(0)), None).expect(200);
        assert_eq!(shown.body["properties"]["provisioningState"], "Succeeded", "{mode}");

        // The same again does nothing; another tag starts it, when the instance is updated.
        for body in [json!({}), json!({"settings": null}), json!({"settings": {"port": 50343}})] {
            let _ = set.put(&body).expect(200);
            let _ = set.call("POST", "/manualupgrade", &json!({"instanceIds": ["0"]})).expect(200);
            assert_eq!(set.desired(first), asked, "{mode}");
        }
        let _ = set.put(&json!({"forceUpdateTag": "1"})).expect(200);
        assert_eq!(set.desired(first), asked, "{mode}");
        let upgrade = set.call("POST", "/manualupgrade", &json!({"instanceIds": ["0"]})).expect(202);
        let again = set.desired(first);
        assert!(again["run"] != asked["run"] && again["port"] == asked["port"], "{mode}");
        set.report(first, "portTaken");
        assert_eq!(set.end(&upgrade), "Failed VMExtensionProvisioningError", "{mode}");
        assert_eq!(set.state(), "Failed", "{mode}");

        // A restart of the instance or of the set, and an update once more, ask anew: for that instance alone.
        let restart = |path: &str| {
            let before = set.desired(first)["run"].clone();
            let _ = cloud.call(&cloud.home.operator, "POST", path, Some(&json!({"instanceIds": ["0"]})));
            assert_ne!(set.desired(first)["run"], before, "{mode} {path}");
            assert_eq!(set.desired(second), Value::Null, "{mode}");
        };
        restart(&format!("{}/restart", set.instance(0)));
        restart(&format!("{}/restart", set.id));
        set.report(first, "portTaken");
        restart(&format!("{}/manualupgrade", set.id));
        set.report(first, "answers");

        // Off, it serves nothing; on, it is started anew.
        let before = set.desired(first)["run"].clone();
        let _ = set.call("POST", "/deallocate", &json!({"instanceIds": ["0"]})).expect(200);
        assert_eq!(set.desired(first), Value::Null, "{mode}");
        let _ = set.call("POST", "/start", &json!({"instanceIds": ["0"]})).expect(200);
        assert_ne!(set.desired(first)["run"], before, "{mode}");

        // It leaves with the update, and with the instance.
        let _ = set.call("DELETE", "/extensions/msi", &Value::Null).expect(200);
        assert_ne!(set.desired(first), Value::Null, "{mode}");
        let _ = set.call("POST", "/manualupgrade", &json!({"instanceIds": ["*"]})).expect(200);
        assert_eq!(set.desired(first), Value::Null, "{mode}");
    }
}

#[test]
fn by_an_automatic_or_rolling_policy_instances_have_it_at_once_and_new_ones_from_the_start() {
    for policy in ["Automatic", "Rolling"] {
        let cloud = Cloud::unthrottled();
        let set = Set::new(&cloud, "Uniform", policy, 3);
        let workloads: Vec<ResourceUuid> = (0..3).map(|number| set.place(number)).collect();
        let made = set.put(&json!({})).expect(201);
        assert_eq!(
            (made.body["properties"]["provisioningState"].as_str(), set.end(&made)),
            (Some("Updating"), "InProgress ".to_owned())
        );
        for workload in &workloads {
            set.report(*workload, "answers");
        }
        assert_eq!(set.end(&made), "Succeeded ", "{policy}");
        // A new one that is on no host fails the operation that makes it, and takes nothing from the others.
        let scaled = set.call("PATCH", "", &json!({"sku": {"capacity": 4}})).expect(200);
        assert_eq!(set.end(&scaled), "Failed VMExtensionProvisioningError", "{policy}");
        let fourth = set.place(3);
        assert_eq!(set.desired(fourth)["port"], 50342, "{policy}");
        set.report(fourth, "answers");
        assert_eq!(set.state(), "Succeeded", "{policy}");
        // Written once more, it starts where it does not answer, and nowhere else.
        set.report(workloads[1], "stopped");
        let runs = || workloads.iter().map(|one| set.desired(*one)["run"].clone()).collect::<Vec<_>>();
        let before = runs();
        let repeated = set.put(&json!({})).expect(200);
        let after = runs();
        assert!(before[0] == after[0] && before[1] != after[1] && before[2] == after[2], "{policy}");
        set.report(workloads[1], "answers");
        assert_eq!(set.end(&repeated), "Succeeded ", "{policy}");
        // Fewer instances are no reason to wait.
        let fewer = set.call("PATCH", "", &json!({"sku": {"capacity": 1}})).expect(200);
        assert_eq!(fewer.header("azure-asyncoperation"), "", "{policy}");
        let _ = set.call("DELETE", "/extensions/msi", &Value::Null).expect(200);
        assert_eq!(set.desired(workloads[0]), Value::Null, "{policy}");
    }
}

#[test]
fn a_thousand_instances_get_the_extension_and_lose_it_in_bounded_commits() {
    let cloud = Cloud::new();
    let set = Set::new(&cloud, "Uniform", "Automatic", 1_000);
    let made = set.put(&json!({})).expect(201);
    cloud.advance(1);
    assert_eq!(set.end(&made), "Failed VMExtensionProvisioningError");
    let view = set.call("GET", "/instanceView", &Value::Null).expect(200).body;
    assert_eq!(
        view["extensions"],
        json!([{"name": "msi", "statusesSummary": [{"code": "ProvisioningState/failed", "count": 1_000}]}])
    );
    let _ = set.call("DELETE", "/extensions/msi", &Value::Null).expect(200);
    let view = set.call("GET", "/instanceView", &Value::Null).expect(200).body;
    assert!(view.get("extensions").is_none(), "{view}");
}
