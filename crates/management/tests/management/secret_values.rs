//! A crawl as a reader: nothing that it can get holds a value that was sent as a secret.

use crate::cloud::{Answer, Cloud, Person};
use http::Method;
use serde_json::{Value, json};

/// The text in every secret of the bodies below; nothing else has it.
const SECRET: &str = "hunter2";

/// The api-version of what is put.
const ANY: &str = "2026-01-01";

/// Bodies with secrets, as the public specifications name them: the path below a group, and the properties.
fn bodies() -> Vec<(&'static str, Value)> {
    vec![
        (
            "Microsoft.Web/sites/app",
            json!({"siteConfig": {"linuxFxVersion": "open", "appSettings": [{"name": "KEY", "VALUE": SECRET}],
            "ConnectionStrings": [{"name": "db", "connectionString": SECRET, "type": "SQLAzure"}], "laterPassword": SECRET}}),
        ),
        ("Microsoft.Web/sites/app/config/APPSETTINGS", json!({"KEY": SECRET})),
        ("Microsoft.Web/sites/app/config/connectionstrings", json!({"db": {"value": SECRET, "type": "Custom"}})),
        ("Microsoft.Web/sites/app/config/azurestorageaccounts", json!({"a": {"accessKey": SECRET}})),
        ("Microsoft.Web/sites/app/config/authsettings", json!({"clientSecret": SECRET, "clientId": "open"})),
        ("Microsoft.Web/sites/app/slots/s", json!({"siteConfig": {"appSettings": [{"name": "KEY", "value": SECRET}]}})),
        ("Microsoft.Web/certificates/c", json!({"pfxBlob": SECRET, "password": SECRET})),
        ("Microsoft.Web/connections/c", json!({"parameterValues": {"token": SECRET}})),
        (
            "Microsoft.ContainerService/managedClusters/k",
            json!({"servicePrincipalProfile": {"clientId": "open", "secret": SECRET},
            "windowsProfile": {"adminPassword": SECRET}, "aadProfile": {"serverAppSecret": SECRET}}),
        ),
        (
            "Microsoft.App/containerApps/aab",
            json!({"configuration": {"secrets": [{"name": "n", "value": SECRET}]},
            "template": {"containers": [{"name": "open", "env": [{"name": "E", "value": SECRET}]}]}}),
        ),
        (
            "Microsoft.Compute/virtualMachines/vm",
            json!({"osProfile": {"adminUsername": "open", "adminPassword": SECRET, "customData": SECRET,
            "windowsConfiguration": {"additionalUnattendContent": [[{"content": SECRET}]]}}}),
        ),
        (
            "Microsoft.Compute/virtualMachines/vm/extensions/e",
            json!({"settings": {"open": 1}, "protectedSettings": {"a": SECRET}}),
        ),
        (
            "Microsoft.Compute/virtualMachineScaleSets/s",
            json!({"virtualMachineProfile": {"osProfile": {"adminPassword": SECRET},
            "extensionProfile": {"extensions": [{"name": "open", "properties": {"ProtectedSettings": {"a": SECRET}}}]}}}),
        ),
        (
            "Microsoft.ContainerInstance/containerGroups/g",
            json!({"volumes": [{"name": "v", "secret": {"file": SECRET}, "azureFile": {"storageAccountKey": SECRET}}],
            "containers": [{"name": "open", "properties": {"environmentVariables": [{"name": "E", "secureValue": SECRET}]}}],
            "imageRegistryCredentials": [{"server": "open", "password": SECRET}]}),
        ),
        ("Microsoft.Network/connections/c", json!({"authorizationKey": SECRET, "sharedKey": SECRET})),
        (
            "Microsoft.Network/virtualNetworkGateways/g",
            json!({"vpnClientConfiguration": {"radiusServerAddress": "open", "radiusServerSecret": SECRET,
            "radiusServers": [{"radiusServerSecret": SECRET}]}}),
        ),
        (
            "Microsoft.Network/applicationGateways/g",
            json!({"sslCertificates": [{"properties": {"data": SECRET, "password": SECRET}}]}),
        ),
        ("Microsoft.Sql/servers/s", json!({"administratorLogin": "open", "administratorLoginPassword": SECRET})),
        ("Microsoft.Automation/automationAccounts/aabcde", json!({"publicNetworkAccess": true})),
        ("Microsoft.Automation/automationAccounts/aabcde/variables/v", json!({"isEncrypted": true, "value": SECRET})),
        (
            "Microsoft.Automation/automationAccounts/aabcde/credentials/c",
            json!({"userName": "open", "password": SECRET}),
        ),
        ("Microsoft.ApiManagement/service/s", json!({"publisherName": "open"})),
        (
            "Microsoft.ApiManagement/service/s/namedValues/n",
            json!({"displayName": "open", "secret": true, "value": SECRET}),
        ),
        (
            "Microsoft.Devices/IotHubs/h",
            json!({"routing": {"endpoints": {"eventHubs": [{"name": "open", "connectionString": SECRET}]}}}),
        ),
        (
            "Microsoft.Logic/workflows/w",
            json!({"state": "open", "definition": {"a": SECRET}, "parameters": {"p": {"value": SECRET}}}),
        ),
        (
            "Microsoft.Cache/redis/r",
            json!({"redisConfiguration": {"maxmemory-policy": "open", "rdb-storage-connection-string": SECRET,
            "aof-storage-connection-string-0": SECRET}}),
        ),
        ("Microsoft.MachineLearningServices/workspaces/m", json!({"friendlyName": "open"})),
        (
            "Microsoft.MachineLearningServices/workspaces/m/connections/c",
            json!({"authType": "PAT", "credentials": {"pat": SECRET}, "value": SECRET}),
        ),
        ("Microsoft.Batch/batchAccounts/bab", json!({"poolAllocationMode": "open"})),
        (
            "Microsoft.Batch/batchAccounts/bab/certificates/c",
            json!({"format": "Pfx", "data": SECRET, "password": SECRET}),
        ),
        ("Microsoft.AppPlatform/Spring/s", json!({"zoneRedundant": false})),
        ("Microsoft.AppPlatform/Spring/s/apps/a", json!({"secrets": [{"name": "open", "value": SECRET}]})),
        ("Microsoft.BotService/botServices/b", json!({"displayName": "open"})),
        (
            "Microsoft.BotService/botServices/b/channels/SlackChannel",
            json!({"channelName": "SlackChannel", "properties": {"clientSecret": SECRET, "verificationToken": SECRET}}),
        ),
        // Described, but in another shape: a reader sees nothing of what the description cannot be followed in.
        ("Microsoft.Web/sites/misfit", json!({"siteConfig": {"appSettings": {"KEY": SECRET}}})),
        ("Microsoft.Web/sites/misfit2", json!({"siteConfig": SECRET})),
        ("Microsoft.App/containerApps/misfit", json!({"configuration": {"secrets": {"a": SECRET}}})),
        // Nobody described these: a reader sees nothing of them, whatever the members are called.
        (
            "Microsoft.AISupercomputer/images/i",
            json!({"innocent": SECRET, "list": [{"x": SECRET}], "provisioningState": SECRET}),
        ),
        ("Microsoft.Compute/virtualMachines/vm/nothings/n", json!({"innocent": SECRET})),
    ]
}

fn path(cloud: &Cloud, rest: &str) -> String {
    format!("{}/providers/{rest}", cloud.at("g"))
}

/// A cloud with all bodies, the answers to their PUT, and a reader of the subscription.
fn filled() -> (Cloud, Vec<Answer>, Person) {
    let cloud = Cloud::with_group();
    let made = bodies().into_iter().map(|(rest, properties)| {
        let body =
            json!({"location": "westus", "tags": {"open": "open"}, "properties": properties, "sku": {"name": "open"}});
        let answer = cloud.put(&path(&cloud, rest), ANY, body);
        assert!((200..=201).contains(&answer.status), "{rest}: {answer:?}");
        answer
    });
    let made = made.collect();
    let reader = cloud.in_subscription("Reader");
    (cloud, made, reader)
}

/// Every GET that leads to the bodies: each of them, the lists of their types here and in the subscription, and the lists of all
/// types.
fn reads(cloud: &Cloud) -> Vec<String> {
    let mut all = Vec::new();
    for (rest, _) in bodies() {
        let (collection, _) = rest.rsplit_once('/').unwrap();
        for query in ["", "?$expand=instanceView,userData", "?$filter=name%20ne%20'x'", "?$top=1"] {
            all.push(format!("{}{query}", path(cloud, rest)));
            all.push(format!("{}{query}", path(cloud, collection)));
            if collection.matches('/').count() == 1 {
                all.push(format!("{}/providers/{collection}{query}", cloud.root()));
            }
        }
        all.push(format!("{}/providers/Microsoft.ManagedIdentity/identities/default", path(cloud, rest)));
    }
    for above in [cloud.root(), cloud.at("g")] {
        all.push(format!("{above}/resources?$expand=createdTime,changedTime,provisioningState"));
    }
    all.extend([
        cloud.at("g"),
        format!("{}/resourceGroups", cloud.root()),
        path(cloud, "Microsoft.Compute/virtualMachines/vm/instanceView"),
    ]);
    all
}

#[test]
fn tn_04_a_reader_gets_no_secret_by_any_read() {
    let (cloud, _, reader) = filled();
    for target in reads(&cloud) {
        let answer = cloud.call(&reader, Method::GET, &target, ANY, None);
        let text = format!("{}{:?}", answer.body, answer.headers);
        assert!(!text.contains(SECRET), "{target}: {text}");
    }
}

#[test]
fn tn_04_a_secret_of_a_described_type_is_returned_to_nobody_and_not_stored() {
    let (cloud, made, _) = filled();
    let undescribed = ["images", "nothings"];
    let shown_to_writers = ["workflows", "containerApps", "sites/app", "misfit"];
    for ((rest, _), answer) in bodies().into_iter().zip(made) {
        if undescribed.iter().chain(&shown_to_writers).any(|word| rest.contains(word)) {
            continue;
        }
        let read = cloud.get(&path(&cloud, rest), ANY).expect(200);
        assert!(!format!("{}{}", answer.body, read.body).contains(SECRET), "{rest}: {}", read.body);
        assert!(!cloud.stored(&path(&cloud, rest)).to_string().contains(SECRET), "{rest}");
    }
}

#[test]
fn tn_04_what_is_no_secret_is_shown_to_a_reader() {
    let (cloud, _, reader) = filled();
    let read = |rest: &str| cloud.call(&reader, Method::GET, &path(&cloud, rest), ANY, None).expect(200).body;
    let site = read("Microsoft.Web/sites/app");
    assert_eq!(site["properties"]["siteConfig"]["linuxFxVersion"], "open");
    assert_eq!(site["properties"]["siteConfig"]["appSettings"], json!([{"name": "KEY"}]));
    let group = read("Microsoft.ContainerInstance/containerGroups/g");
    assert_eq!(group["properties"]["volumes"], json!([{"name": "v", "azureFile": {}}]));
    assert_eq!(read("Microsoft.Compute/virtualMachines/vm/extensions/e")["properties"]["settings"], json!({"open": 1}));
    let unknown = read("Microsoft.AISupercomputer/images/i");
    assert_eq!(unknown["properties"], json!({"provisioningState": "Succeeded"}));
    assert_eq!((&unknown["sku"], &unknown["tags"]), (&json!({"name": "open"}), &json!({"open": "open"})));
}

#[test]
fn tn_04_who_may_write_a_type_that_nobody_described_can_put_back_what_was_read() {
    let (cloud, _, reader) = filled();
    let at = path(&cloud, "Microsoft.AISupercomputer/images/i");
    let whole = cloud.get(&at, ANY).expect(200);
    assert_eq!(whole.body["properties"]["innocent"], SECRET);
    cloud.put(&at, ANY, whole.body.clone()).expect(200);
    assert_eq!(cloud.get(&at, ANY).expect(200).body, whole.body);
    // A reader was shown another representation: put back with its etag it would lose the rest.
    let part = cloud.call(&reader, Method::GET, &at, ANY, None).expect(200);
    assert_ne!(part.header("etag"), cloud.get(&at, ANY).header("etag"));
    let put = |etag: &str, body: &Value| {
        cloud.raw_as(&cloud.owner, Method::PUT, &at, ANY, &[("if-match", etag)], body.to_string().as_bytes())
    };
    put(part.header("etag"), &part.body).refused(412, "PreconditionFailed");
    assert_eq!(cloud.get(&at, ANY).expect(200).body, whole.body);
    let current = cloud.get(&at, ANY);
    put(current.header("etag"), &whole.body).expect(200);
    // A patch that says nothing of the rest leaves it.
    cloud.patch(&at, ANY, json!({"tags": {"a": "b"}})).expect(200);
    assert_eq!(cloud.get(&at, ANY).body["properties"], whole.body["properties"]);
}

#[test]
fn tn_04_a_role_below_the_list_shows_its_own_resources_whole_and_no_others() {
    let (cloud, _, _) = filled();
    let (first, second) = ("Microsoft.AISupercomputer/images/i", "Microsoft.AISupercomputer/images/j");
    cloud
        .put(&path(&cloud, second), ANY, json!({"location": "westus", "properties": {"innocent": SECRET}}))
        .expect(201);
    let person = cloud.in_subscription("Reader");
    cloud.grant(&person, "Contributor", &path(&cloud, second));
    let list =
        cloud.call(&person, Method::GET, &path(&cloud, "Microsoft.AISupercomputer/images"), ANY, None).expect(200);
    let innocent = |name: &str| {
        let item = list.body["value"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap();
        item["properties"].get("innocent").cloned()
    };
    assert_eq!((innocent("i"), innocent("j")), (None, Some(json!(SECRET))));
    assert!(
        cloud.call(&person, Method::GET, &path(&cloud, first), ANY, None).body["properties"].get("innocent").is_none()
    );
    assert_eq!(
        cloud.call(&person, Method::GET, &path(&cloud, second), ANY, None).body["properties"]["innocent"],
        SECRET
    );
}

#[test]
fn tn_04_a_secret_that_an_older_version_stored_is_never_shown_and_goes_with_the_next_write() {
    let cloud = Cloud::with_group();
    let at = path(&cloud, "Microsoft.Network/connections/c");
    cloud.put(&at, ANY, json!({"location": "westus", "properties": {"routingWeight": 1}})).expect(201);
    cloud.change_stored(&at, |row| row["body"]["properties"]["sharedKey"] = SECRET.into());
    assert!(cloud.stored(&at).to_string().contains(SECRET));
    for target in [at.clone(), path(&cloud, "Microsoft.Network/connections"), format!("{}/resources", cloud.root())] {
        assert!(!cloud.get(&target, ANY).expect(200).body.to_string().contains(SECRET), "{target}");
    }
    cloud.patch(&at, ANY, json!({"tags": {"a": "b"}})).expect(200);
    assert!(!cloud.stored(&at).to_string().contains(SECRET));
}

#[test]
fn tn_04_no_refusal_and_no_audit_record_repeats_a_secret() {
    let (cloud, _, _) = filled();
    let reader = cloud.in_subscription("Reader");
    for (rest, properties) in bodies() {
        let at = path(&cloud, rest);
        let body = |location: &str| Some(json!({"location": location, "properties": properties}));
        for answer in [
            cloud.call(&reader, Method::PUT, &at, ANY, body("westus")),
            cloud.call(&cloud.owner, Method::PUT, &at, ANY, body("eastus")),
            cloud.call(&cloud.owner, Method::PATCH, &at, ANY, Some(json!({"tags": 1, "properties": properties}))),
            cloud.call(&cloud.owner, Method::POST, &format!("{at}/listKeys"), ANY, body("x")),
        ] {
            assert!(answer.status >= 400 && !answer.body.to_string().contains(SECRET), "{rest}: {answer:?}");
        }
    }
}

#[test]
fn tn_04_secrets_are_asked_for_by_post_and_with_a_right_of_their_own() {
    let (cloud, _, reader) = filled();
    for word in ["listKeys", "LISTkeys", "list", "listSecrets", "listConnectionStrings"] {
        let at = format!("{}/{word}", path(&cloud, "Microsoft.Web/sites/app"));
        for who in [&reader, &cloud.owner] {
            cloud.call(who, Method::GET, &at, ANY, None).refused(405, "MethodNotAllowed");
        }
        let name = format!("{}/config/appsettings/{word}", path(&cloud, "Microsoft.Web/sites/app"));
        assert!(cloud.call(&reader, Method::POST, &name, ANY, None).status >= 400);
    }
}
