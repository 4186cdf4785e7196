//! The extension of a scale set: who may write it, and what keeps it away.

use crate::cloud::{ARM, AUTHZ, Answer, Cloud, VM};
use crate::operations::Failing;
use bonafide_crypto::SystemEntropy;
use bonafide_types::Entropy;
use http::Method;
use serde_json::{Value, json};

fn compute(cloud: &Cloud) -> String {
    format!("{}/providers/Microsoft.Compute", cloud.at("g"))
}

fn set(cloud: &Cloud, more: &Value) -> String {
    let set = format!("{}/virtualMachineScaleSets/set", compute(cloud));
    let mut body = json!({"location": "westus", "sku": {"name": "s", "capacity": 0}, "identity": {"type": "SystemAssigned"}, "properties": {}});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    cloud.put(&set, VM, body).expect(201);
    set
}

fn extension() -> Value {
    json!({"properties": {"publisher": "Microsoft.ManagedIdentity", "type": "ManagedIdentityExtensionForLinux"}})
}

fn profile(extensions: &Value) -> Value {
    json!({"properties": {"virtualMachineProfile": {"extensionProfile": {"extensions": extensions}}}})
}

fn users(ids: &[String]) -> Value {
    let map = ids.iter().map(|id| (id.clone(), json!({}))).collect();
    json!({"type": "UserAssigned", "userAssignedIdentities": Value::Object(map)})
}

/// Somebody with a role of these actions on the group.
fn with(cloud: &Cloud, actions: &[&str]) -> crate::cloud::Person {
    let person = cloud.person(cloud.tenant, &[]);
    let id = SystemEntropy.guid();
    let role = format!("{}/providers/Microsoft.Authorization/roleDefinitions/{id}", cloud.root());
    let properties = json!({"roleName": id.to_string(), "type": "CustomRole", "assignableScopes": [cloud.root()],
        "permissions": [{"actions": actions, "notActions": []}]});
    cloud.put(&role, AUTHZ, json!({ "properties": properties })).expect(201);
    let assignment =
        format!("{}/providers/Microsoft.Authorization/roleAssignments/{}", cloud.at("g"), SystemEntropy.guid());
    let properties =
        json!({"roleDefinitionId": role, "principalId": person.id.to_string(), "principalType": "ServicePrincipal"});
    cloud.put(&assignment, AUTHZ, json!({ "properties": properties })).expect(201);
    person
}

fn refused_for(answer: Answer, number: usize) {
    let answer = answer.refused(400, "FailedIdentityOperation");
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("at most 32 ") && message.contains(&format!("have {number}:")), "{message}");
}

#[test]
fn the_extension_of_a_set_and_a_thirty_third_identity_keep_each_other_away() {
    let cloud = Cloud::with_group();
    let ids: Vec<String> = (0..33).map(|n| cloud.make_identity(&format!("id{n}"))).collect();
    let set = set(&cloud, &json!({"identity": users(&ids)}));
    let one = format!("{set}/extensions/msi");
    let before = cloud.get(&set, VM).body;
    let entry = json!([{"name": "msi", "properties": extension()["properties"]}]);
    refused_for(cloud.put(&one, VM, extension()), 33);
    refused_for(cloud.patch(&set, VM, profile(&entry)), 33);
    assert_eq!(cloud.get(&set, VM).body, before);
    let take = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[0]: null}}});
    cloud.patch(&set, VM, take).expect(200);
    cloud.put(&one, VM, extension()).expect(201);
    let before = cloud.get(&set, VM).body;
    let more = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[0]: {}}}});
    refused_for(cloud.patch(&set, VM, more.clone()), 33);
    assert_eq!(cloud.get(&set, VM).body, before);
    // All of them can be taken away at any time, and without the extension there is no such limit.
    cloud.patch(&set, VM, json!({"identity": {"type": "None"}})).expect(200);
    cloud.delete(&one, VM).expect(200);
    cloud.patch(&set, VM, json!({"identity": users(&ids)})).expect(200);
}

#[test]
fn a_machine_of_a_flexible_set_has_one_extension_and_thirty_two_identities_with_those_of_its_set() {
    let cloud = Cloud::with_group();
    let ids: Vec<String> = (0..33).map(|n| cloud.make_identity(&format!("id{n}"))).collect();
    let more = json!({"sku": {"name": "s", "capacity": 1}, "identity": users(&ids[..20]), "properties": {"orchestrationMode": "Flexible"}});
    let set = set(&cloud, &more);
    let machine = format!("{}/virtualMachines/set_0", compute(&cloud));
    let upgrade = || {
        cloud.call(&cloud.owner, Method::POST, &format!("{set}/manualupgrade"), VM, Some(json!({"instanceIds": ["*"]})))
    };
    let end = |answer: Answer| {
        let url = answer
            .expect(202)
            .header("azure-asyncoperation")
            .strip_prefix("https://localhost:8443")
            .unwrap()
            .to_owned();
        let shown = cloud.get(url.split('?').next().unwrap(), VM).body;
        format!("{} {}", shown["error"]["code"], shown["error"]["message"])
    };
    let has = || !cloud.get(&format!("{machine}/extensions"), VM).body["value"].as_array().unwrap().is_empty();

    // With identities of its own it would have too many; nothing of it is changed.
    cloud.patch(&machine, VM, json!({"identity": users(&ids[20..])})).expect(200);
    cloud.put(&format!("{set}/extensions/msi"), VM, extension()).expect(201);
    let failed = end(upgrade());
    assert!(failed.contains("VMExtensionProvisioningError") && failed.contains("would have 33"), "{failed}");
    assert!(!has() && cloud.get(&machine, VM).body["properties"]["latestModelApplied"] == false);
    cloud
        .patch(&machine, VM, json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[32]: null}}}))
        .expect(200);

    // With an extension of its own the set's does not come; with the set's it takes none.
    cloud.put(&format!("{machine}/extensions/own"), VM, extension()).expect(201);
    let failed = end(upgrade());
    assert!(failed.contains("of its own") && failed.contains("delete the one"), "{failed}");
    cloud.delete(&format!("{machine}/extensions/own"), VM).expect(200);
    let failed = end(upgrade());
    assert!(failed.contains("is on no host") && has(), "{failed}");
    cloud.put(&format!("{machine}/extensions/own"), VM, extension()).refused(400, "InvalidParameter");
    for answer in [
        cloud.put(&format!("{machine}/extensions/MSI"), VM, extension()),
        cloud.patch(&format!("{machine}/extensions/msi"), VM, json!({"tags": {}})),
        cloud.delete(&format!("{machine}/extensions/msi"), VM),
    ] {
        let answer = answer.status;
        assert!(answer == 409 || answer == 404, "{answer}");
    }
    let more = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[32]: {}}}});
    refused_for(cloud.patch(&machine, VM, more), 33);
    assert_eq!(cloud.get(&format!("{machine}/extensions?$expand=instanceView"), VM).body["value"][0]["name"], "msi");
}

#[test]
fn tn_03_the_right_to_the_extension_gives_nothing_else_of_the_set_and_no_identity() {
    let cloud = Cloud::with_group();
    let identity = cloud.make_identity("id1");
    let set = set(&cloud, &json!({}));
    let one = format!("{set}/extensions/msi");
    let write = "Microsoft.Compute/virtualMachineScaleSets/extensions/write";
    let writer = with(&cloud, &[write]);
    let reader = with(&cloud, &["Microsoft.Compute/virtualMachineScaleSets/extensions/read"]);
    let call = |who, method: Method, path: &str, body: Option<Value>| cloud.call(who, method, path, VM, body);
    call(&writer, Method::PUT, &one, Some(extension())).expect(201);
    for (who, method, path, body) in [
        (&writer, Method::GET, &one, None),
        (&writer, Method::DELETE, &one, None),
        (&writer, Method::PATCH, &set, Some(json!({"tags": {}}))),
        (&reader, Method::PUT, &one, Some(extension())),
        (&reader, Method::GET, &set, None),
    ] {
        call(who, method.clone(), path, body).refused(403, "AuthorizationFailed");
    }
    call(&reader, Method::GET, &one, None).expect(200);
    call(&reader, Method::GET, &format!("{set}/extensions"), None).expect(200);
    // Members beside the extension are none of the set's, and an identity that its settings name has to be assigned.
    let sneaky = json!({"identity": users(std::slice::from_ref(&identity)), "sku": {"capacity": 5}, "tags": {"a": "b"}, "properties": {"forceUpdateTag": "1"}});
    call(&writer, Method::PUT, &one, Some(sneaky)).expect(200);
    let shown = cloud.get(&set, VM).body;
    assert_eq!(
        (&shown["identity"]["type"], &shown["sku"]["capacity"], &shown["tags"]),
        (&json!("SystemAssigned"), &json!(0), &json!({}))
    );
    let names = json!({"properties": {"publisher": "p", "type": "t", "settings": {"identity": &identity}}});
    let refused = call(&writer, Method::PUT, &format!("{set}/extensions/other"), Some(names.clone()))
        .refused(403, "LinkedAuthorizationFailed");
    // It says no right that the caller has not.
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("to perform action '{write}'")), "{message}");
    cloud.put(&format!("{set}/extensions/other"), VM, names).expect(201);
    // Of another tenant nobody learns anything.
    call(&cloud.other_owner, Method::GET, &one, None).refused(401, "InvalidAuthenticationTokenTenant");
}

#[test]
fn locks_and_conditions_of_the_set_hold_for_its_extensions() {
    let cloud = Cloud::with_group();
    let set = set(&cloud, &json!({}));
    let one = format!("{}/Extensions/MSI", set.replace("virtualMachineScaleSets", "VIRTUALMACHINESCALESETS"));
    let tag = |answer: Answer| answer.header("etag").to_owned();
    let raw = |method: Method, name: &str, value: &str| {
        let token = format!("Bearer {}", cloud.token(&cloud.owner));
        let headers = [("authorization", token.as_str()), ("content-type", "application/json"), (name, value)];
        cloud.raw(method, &format!("{one}?api-version={VM}"), &headers, extension().to_string().as_bytes())
    };
    raw(Method::PUT, "if-match", "*").refused(412, "PreconditionFailed");
    let first = tag(raw(Method::PUT, "if-none-match", "*").expect(201));
    raw(Method::PUT, "if-none-match", "*").refused(412, "PreconditionFailed");
    // A write of the set is one of its list.
    cloud.patch(&set, VM, json!({"tags": {"a": "b"}})).expect(200);
    raw(Method::PUT, "if-match", &first).refused(412, "PreconditionFailed");
    raw(Method::DELETE, "if-match", &first).refused(412, "PreconditionFailed");
    let now = tag(cloud.get(&one, VM));
    assert_eq!(now, tag(cloud.get(&set, VM)));
    raw(Method::PUT, "if-match", &now).expect(200);
    for (level, put, delete) in [("ReadOnly", false, false), ("CanNotDelete", true, false)] {
        for at in [set.clone(), cloud.at("g")] {
            let lock = format!("{at}/providers/Microsoft.Authorization/locks/keep");
            cloud.put(&lock, "2016-09-01", json!({"properties": {"level": level}})).expect(201);
            let is_locked = |answer: Answer| (answer.status, answer.code()) == (409, "ScopeLocked");
            assert_eq!(is_locked(cloud.put(&one, VM, extension())), !put, "{level} {at}");
            assert_eq!(is_locked(cloud.delete(&one, VM)), !delete, "{level} {at}");
            cloud.delete(&lock, "2016-09-01").expect(200);
        }
    }
    cloud.delete(&one, VM).expect(200);
}

#[test]
fn tn_04_protected_settings_of_a_set_are_nowhere_whatever_their_spelling() {
    let cloud = Cloud::with_group();
    let set = set(&cloud, &json!({"sku": {"name": "s", "capacity": 1}}));
    let one = format!("{set}/extensions/msi");
    for spelled in ["protectedSettings", "ProtectedSettings", "PROTECTEDSETTINGS"] {
        let mut body = extension();
        body["properties"][spelled] = json!({"key": "hunter2"});
        let in_list = profile(&json!([{"NAME": "msi", "Properties": body["properties"]}]));
        for answer in [
            cloud.put(&one, VM, body.clone()),
            cloud.patch(&one, VM, json!({"properties": {spelled: {"key": "hunter2"}}})),
            cloud.patch(&set, VM, in_list),
            cloud.get(&set, VM),
            cloud.get(&format!("{set}/virtualMachines/0/extensions"), VM),
        ] {
            assert!(answer.status < 300 && !answer.body.to_string().contains("hunter2"), "{answer:?}");
        }
        assert!(!cloud.stored(&set).to_string().contains("hunter2"));
    }
}

#[test]
fn writers_of_two_extensions_at_once_lose_nothing_of_each_other() {
    let cloud = Cloud::with_group();
    let set = set(&cloud, &json!({}));
    let body = json!({"properties": {"publisher": "p", "type": "t"}}).to_string();
    let token = format!("Bearer {}", cloud.token(&cloud.owner));
    cloud.in_parallel(4, |call, thread| {
        for round in 0..5 {
            assert_eq!(
                call(
                    Method::PUT,
                    &format!("{set}/extensions/e{thread}{round}?api-version={VM}"),
                    &token,
                    body.as_bytes()
                ),
                201
            );
        }
    });
    let listed = cloud.get(&format!("{set}/extensions"), VM).body;
    assert_eq!(listed["value"].as_array().unwrap().len(), 20);
}

#[test]
fn an_extension_on_many_instances_is_there_on_all_after_the_end_of_the_process_at_any_step() {
    let body =
        || json!({"sku": {"name": "s", "capacity": 250}, "properties": {"upgradePolicy": {"mode": "Automatic"}}});
    for commits in 0..8 {
        let failing = Failing::new();
        let cloud = &failing.cloud;
        let set = set(cloud, &body());
        let one = format!("{set}/extensions/msi");
        let (answer, more) = failing.during(commits, |cloud| cloud.put(&one, VM, extension()));
        if answer.status >= 300 {
            assert_eq!(cloud.get(&one, VM).status, 404, "{commits}");
            cloud.put(&one, VM, extension()).expect(201);
        }
        cloud.advance_all().unwrap();
        let view = cloud.get(&format!("{set}/instanceView"), VM).body;
        assert_eq!(view["extensions"][0]["statusesSummary"][0]["count"], 250, "{commits}: {view}");
        if !more {
            return;
        }
    }
    panic!("the work has no end");
}

#[test]
fn a_set_goes_with_its_extension_and_one_that_is_going_takes_none() {
    let cloud = Cloud::with_group();
    let set = set(&cloud, &json!({"sku": {"name": "s", "capacity": 2}}));
    let one = format!("{set}/extensions/msi");
    cloud.put(&one, VM, extension()).expect(201);
    cloud.change_row(&set, |row| row.deleting = true);
    for answer in [
        cloud.put(&one, VM, extension()),
        cloud.put(&format!("{set}/extensions/x"), VM, extension()),
        cloud.delete(&one, VM),
    ] {
        assert_eq!(answer.status, 409, "{answer:?}");
    }
    cloud.change_row(&set, |row| row.deleting = false);
    cloud.delete(&set, VM);
    cloud.get(&one, VM).refused(404, "ParentResourceNotFound");
    cloud.get(&format!("{set}/virtualMachines/0/extensions"), VM).refused(404, "ResourceNotFound");
    cloud.delete(&one, VM).refused(404, "ParentResourceNotFound");
}

#[test]
fn an_instance_of_a_set_without_identities_takes_no_extension_of_its_own() {
    let cloud = Cloud::with_group();
    let set = set(&cloud, &json!({"sku": {"name": "s", "capacity": 1}, "identity": {"type": "None"}}));
    let own = format!("{set}/virtualMachines/0/extensions/own");
    let refused = cloud.put(&own, VM, extension()).refused(400, "InvalidParameter");
    assert_eq!(refused.body["error"]["target"], "identity");
    cloud.patch(&set, VM, json!({"identity": {"type": "SystemAssigned"}})).expect(200);
    cloud
        .call(&cloud.owner, Method::POST, &format!("{set}/manualupgrade"), VM, Some(json!({"instanceIds": ["0"]})))
        .expect(200);
    cloud.put(&own, VM, extension()).expect(201);
}

#[test]
fn a_path_of_another_spelling_is_that_entry_or_none() {
    let cloud = Cloud::with_group();
    let set = set(&cloud, &json!({}));
    cloud.put(&format!("{set}/extensions/msi"), VM, extension()).expect(201);
    let bare = |method: Method, path: &str| {
        let token = format!("Bearer {}", cloud.token(&cloud.owner));
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        cloud.raw(method, &format!("{path}?api-version={VM}"), &headers, extension().to_string().as_bytes())
    };
    for path in ["extensions/a%2Fb", "extensions/..", "extensions/%2e%2e", "extensions/msi/more/x", "extensions/a%00"] {
        for method in [Method::PUT, Method::DELETE] {
            let answer = bare(method.clone(), &format!("{set}/{path}"));
            assert!((400..500).contains(&answer.status) || answer.status == 204, "{method} {path}: {answer:?}");
        }
    }
    bare(Method::GET, &format!("{set}/extensions/m%73i")).expect(200);
    let listed = cloud.get(&format!("{set}/extensions"), VM).body;
    assert_eq!(listed["value"].as_array().unwrap().len(), 1, "{listed}");
    // Neither is a name in the profile one that leads elsewhere.
    for name in ["", "a/b", "..", "a b", "\u{202e}msi"] {
        let entry = json!([{"name": name, "properties": extension()["properties"]}]);
        cloud.patch(&set, VM, profile(&entry)).refused(400, "InvalidParameter");
    }
    // Nothing lies below an entry: it is no resource that could have a lock, a role or a child of its own.
    let lock = format!("{set}/extensions/msi/providers/Microsoft.Authorization/locks/keep");
    cloud.put(&lock, "2016-09-01", json!({"properties": {"level": "ReadOnly"}})).refused(404, "ResourceNotFound");
}

#[test]
fn a_template_makes_a_set_with_the_extension_in_its_profile_or_beside_it() {
    let cloud = Cloud::with_group();
    let deployments = format!("{}/providers/Microsoft.Resources/deployments", cloud.at("g"));
    let deploy = |name: &str, resources: Value| {
        let template = json!({"$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0", "resources": resources});
        let body = json!({"properties": {"mode": "Incremental", "template": template}});
        // A deployment goes on by itself with the operation that it waits for.
        cloud.put(&format!("{deployments}/{name}"), ARM, body).expect(201);
        cloud.get(&format!("{deployments}/{name}"), ARM).expect(200).body["properties"].clone()
    };
    let pool = |name: &str, capacity: usize, extensions: Value| {
        let profile = json!({"extensionProfile": {"extensions": extensions}});
        json!({"type": "Microsoft.Compute/virtualMachineScaleSets", "name": name, "apiVersion": "2018-06-01", "location": "[resourceGroup().location]",
            "sku": {"name": "s", "capacity": capacity}, "identity": {"type": "SystemAssigned"},
            "properties": {"upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": profile}})
    };
    // As on Microsoft's page: under a name that is not its type's.
    let entry = json!({"name": "ManagedIdentityWindowsExtension", "properties": {"publisher": "Microsoft.ManagedIdentity",
        "type": "ManagedIdentityExtensionForWindows", "typeHandlerVersion": "1.0", "settings": {"port": 50342}, "protectedSettings": {}}});
    let failed = deploy("d1", json!([pool("pool", 1, json!([entry]))]));
    assert_eq!(failed["provisioningState"], "Failed");
    assert!(failed["error"].to_string().contains("VMExtensionProvisioningError"), "{failed}");
    let locations = |of: &Value| {
        of["providers"][0]["resourceTypes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["locations"].clone())
            .collect::<Value>()
    };
    assert_eq!(locations(&failed), json!([["westus"]]));
    let sets = format!("{}/virtualMachineScaleSets", compute(&cloud));
    let listed = cloud.get(&format!("{sets}/pool/virtualMachines/0/extensions"), VM).body;
    assert_eq!(listed["value"][0]["name"], "ManagedIdentityWindowsExtension");
    // Beside it, on one without instances.
    let own = json!({"type": "Microsoft.Compute/virtualMachineScaleSets/extensions", "name": "empty/msi", "apiVersion": "2023-03-01",
        "dependsOn": ["[resourceId('Microsoft.Compute/virtualMachineScaleSets', 'empty')]"], "properties": extension()["properties"]});
    let done = deploy("d2", json!([own, pool("empty", 0, json!([]))]));
    assert_eq!(done["provisioningState"], "Succeeded", "{done}");
    assert_eq!(locations(&done), json!([["westus"], [null]]));
    assert_eq!(cloud.get(&format!("{sets}/empty/extensions"), VM).body["value"][0]["name"], "msi");
}

/// The end of the operation that a write began.
fn end(cloud: &Cloud, answer: &Answer) -> Value {
    let url = answer.header("azure-asyncoperation").strip_prefix("https://localhost:8443").unwrap().to_owned();
    cloud.get(url.split('?').next().unwrap(), VM).expect(200).body
}

#[test]
fn an_unchanged_extension_once_more_writes_no_instance_that_could_not_serve_it() {
    let cloud = Cloud::with_group();
    let set = set(
        &cloud,
        &json!({"sku": {"name": "s", "capacity": 150}, "properties": {"upgradePolicy": {"mode": "Automatic"}}}),
    );
    let one = format!("{set}/extensions/msi");
    cloud.put(&one, VM, extension()).expect(201);
    cloud.advance_all().unwrap();
    let rows = || [0, 149].map(|n| cloud.get(&format!("{set}/virtualMachines/{n}"), VM).header("etag").to_owned());
    let before = rows();
    let again = cloud.put(&one, VM, extension()).expect(200);
    cloud.advance_all().unwrap();
    assert_eq!(rows(), before);
    // It serves nothing all the same, and the operation says so.
    assert_eq!(end(&cloud, &again)["error"]["code"], "VMExtensionProvisioningError");
    let mut tagged = extension();
    tagged["properties"]["forceUpdateTag"] = "2".into();
    cloud.put(&one, VM, tagged).expect(200);
    cloud.advance_all().unwrap();
    assert!(rows().iter().zip(&before).all(|(is, was)| is != was));
}

#[test]
fn an_upgrade_that_a_later_change_repeats_ends_at_its_next_step() {
    let failing = Failing::new();
    let cloud = &failing.cloud;
    let policy = json!({"upgradePolicy": {"mode": "Automatic"}});
    let set = set(cloud, &json!({"sku": {"name": "s", "capacity": 250}, "properties": policy}));
    // The process ends when the change and the first batch are written.
    let (first, _) = failing.during(3, |cloud| cloud.patch(&set, VM, json!({"sku": {"name": "larger"}})));
    let first = first.expect(200);
    let second = cloud.patch(&set, VM, json!({"sku": {"name": "largest"}})).expect(200);
    assert!(!second.headers.contains_key("azure-asyncoperation"), "{second:?}");
    assert_eq!(end(cloud, &first)["error"]["code"], "OperationPreempted");
    for n in [0, 249] {
        assert_eq!(cloud.get(&format!("{set}/virtualMachines/{n}"), VM).body["sku"]["name"], "largest");
    }
}

#[test]
fn machines_that_refuse_the_extension_of_their_set_are_named_and_the_others_have_it() {
    let cloud = Cloud::with_group();
    let properties = json!({"orchestrationMode": "Flexible", "upgradePolicy": {"mode": "Automatic"}});
    let set = set(&cloud, &json!({"sku": {"name": "s", "capacity": 4}, "properties": properties}));
    let machine = |n: usize| format!("{}/virtualMachines/set_{n}", compute(&cloud));
    for n in [0, 2] {
        cloud.put(&format!("{}/extensions/own", machine(n)), VM, extension()).expect(201);
    }
    let one = format!("{set}/extensions/msi");
    let state = || cloud.get(&set, VM).body["properties"]["provisioningState"].clone();
    assert_eq!(state(), "Succeeded");
    let failed = end(&cloud, &cloud.put(&one, VM, extension()).expect(201));
    let text = failed["error"].to_string();
    assert_eq!(failed["error"]["code"], "VMExtensionProvisioningError");
    assert!(text.contains("set_0' has an extension") && text.contains("set_2' has an extension"), "{text}");
    let have = || {
        let named = |n: &usize| cloud.get(&format!("{}/extensions/msi", machine(*n)), VM).status == 200;
        (0..4).filter(named).collect::<Vec<_>>()
    };
    assert_eq!((have(), state()), (vec![1, 3], json!("Failed")));
    // A write meanwhile that has an end of its own has succeeded.
    let tagged = cloud.patch(&set, VM, json!({"tags": {"a": "b"}})).expect(200);
    assert_eq!(tagged.body["properties"]["provisioningState"], "Succeeded");
    // Those that are in the way still are told of, though the others answer nothing either.
    cloud.delete(&format!("{}/extensions/own", machine(2)), VM).expect(200);
    let failed = end(&cloud, &cloud.put(&one, VM, extension()).expect(200));
    assert!(failed["error"].to_string().contains("set_0' has an extension"), "{failed}");
    assert_eq!(have(), [1, 2, 3]);
    let view = cloud.get(&format!("{set}/instanceView"), VM).body;
    assert_eq!(view["statuses"][0]["code"], "ProvisioningState/failed", "{view}");
    cloud.delete(&one, VM).expect(200);
    assert_eq!((have(), state()), (vec![], json!("Succeeded")));
}
