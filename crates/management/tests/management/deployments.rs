//! Deployments of templates.

use crate::cloud::{ARM, Answer, Cloud, MSI, Person, VM};
use crate::deployment_secrets::assert_unstored;
use bonafide_core::access::ScopeKey;
use bonafide_store::{Absence, Read, StoreError, Table, Tx};
use bonafide_types::ResourceUuid;
use http::Method;
use serde_json::{Value, json};

/// Stored deployments, whatever is in them.
pub const ANY_DEPLOYMENT: Table<(ResourceUuid, String), Value> = Table::new("deployment", Absence::Withholds);

pub const SECRET: &str = "Correct-Horse-Battery-1";

pub fn path(cloud: &Cloud, name: &str) -> String {
    format!("{}/providers/Microsoft.Resources/deployments/{name}", cloud.at("g"))
}

pub fn template(resources: Value) -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {},
        "variables": {},
        "resources": resources,
        "outputs": {},
    })
}

pub fn deployment(template: Value, parameters: Value) -> Value {
    json!({ "properties": { "mode": "incremental", "template": template, "parameters": parameters } })
}

pub fn of(resources: Value) -> Value {
    deployment(template(resources), json!({}))
}

pub fn identity(name: &str, depends_on: Value) -> Value {
    json!({
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "apiVersion": MSI,
        "name": name,
        "location": "westus",
        "dependsOn": depends_on,
    })
}

/// The path of the address of an operation's status.
pub fn status_of(answer: &Answer) -> String {
    answer.header("azure-asyncoperation").strip_prefix("https://localhost:8443").unwrap().to_owned()
}

/// A machine as `az vm create --assign-identity --role --scope` sends it (azure-cli 2.91).
pub fn machine(cloud: &Cloud) -> Value {
    let nic = format!("{}/providers/Microsoft.Network/networkInterfaces/vm1VMNic", cloud.at("g"));
    let mut template = template(json!([
        {
            "name": "vm1VNET", "type": "Microsoft.Network/virtualNetworks", "location": "westus", "apiVersion": "2015-06-15",
            "dependsOn": [], "tags": {},
            "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [{"name": "vm1Subnet", "properties": {"addressPrefix": "10.0.0.0/24"}}]},
        },
        {
            "apiVersion": "2015-06-15", "type": "Microsoft.Network/networkInterfaces", "name": "vm1VMNic", "location": "westus", "tags": {},
            "dependsOn": ["Microsoft.Network/virtualNetworks/vm1VNET"],
            "properties": {"ipConfigurations": [{"name": "ipconfigvm1", "properties": {"privateIPAllocationMethod": "Dynamic"}}]},
        },
        {
            "apiVersion": VM, "type": "Microsoft.Compute/virtualMachines", "name": "vm1", "location": "westus", "tags": {},
            "dependsOn": ["Microsoft.Network/networkInterfaces/vm1VMNic"],
            "properties": {
                "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
                "networkProfile": {"networkInterfaces": [{"id": nic}]},
                "osProfile": {"computerName": "vm1", "adminUsername": "me", "adminPassword": "[parameters('adminPassword')]"},
            },
            "identity": {"type": "SystemAssigned"},
        },
        {
            "name": "7d5a9a0e-0d0e-4c49-b96c-2c3d0a2a0f11", "type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2015-07-01",
            "dependsOn": ["Microsoft.Compute/virtualMachines/vm1"],
            "properties": {
                "roleDefinitionId": format!("{}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7", cloud.root()),
                "principalId": format!("[reference('{}', '2019-07-01', 'Full').identity.principalId]", cloud.vm("vm1")),
                "scope": cloud.at("g"),
            },
        },
    ]));
    template["parameters"] =
        json!({"adminPassword": {"type": "securestring", "metadata": {"description": "Secure adminPassword"}}});
    template["outputs"] = json!({
        "VM": {"type": "object", "value": "[reference(resourceId('Microsoft.Compute/virtualMachines', 'vm1'),providers('Microsoft.Compute', 'virtualMachines').apiVersions[0])]"},
        "Password": {"type": "securestring", "value": "[parameters('adminPassword')]"},
    });
    deployment(template, json!({"adminPassword": {"value": SECRET}}))
}

#[test]
fn a_machine_is_deployed_with_its_network_its_identity_and_its_role() {
    let cloud = Cloud::with_group();
    let made = cloud.put(&path(&cloud, "d"), ARM, machine(&cloud)).expect(201);
    let properties = &made.body["properties"];
    assert_eq!(properties["provisioningState"], "Succeeded", "{properties:#}");
    assert!(!made.headers.contains_key("azure-asyncoperation"));
    assert_eq!(properties["parameters"], json!({"adminPassword": {"type": "SecureString"}}));
    let outputs = &properties["outputs"];
    assert_eq!(outputs["password"], json!({"type": "SecureString"}));
    assert_eq!(outputs["vm"]["value"]["osProfile"]["computerName"], "vm1");
    let machine = cloud.get(&cloud.vm("vm1"), VM).expect(200);
    let principal = machine.body["identity"]["principalId"].as_str().unwrap();
    let roles = format!("{}/providers/Microsoft.Authorization/roleAssignments", cloud.at("g"));
    let roles = cloud.get(&format!("{roles}?$filter=principalId eq '{principal}'"), "2022-04-01").expect(200);
    assert_eq!(roles.body["value"].as_array().unwrap().len(), 1, "{:#}", roles.body);
    assert_unstored(&cloud);
    for above in ["/providers/Microsoft.Resources", "/"] {
        let listed = cloud.get(&format!("{}{above}/deployments/d/operations", cloud.at("g")), ARM).expect(200);
        let types: Vec<&str> = listed.body["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["properties"]["targetResource"]["resourceType"].as_str().unwrap())
            .collect();
        assert_eq!(types[0], "Microsoft.Network/virtualNetworks");
        assert_eq!(types[3], "Microsoft.Authorization/roleAssignments");
        let id = listed.body["value"][3]["id"].as_str().unwrap();
        assert_eq!(cloud.get(id, ARM).expect(200).body["properties"]["statusCode"], "Created");
    }
}

#[test]
fn tn_03_a_template_assigns_only_identities_that_its_deployer_may_assign() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let foreign = cloud.identity("id1").replace("/resourceGroups/g/", "/resourceGroups/h/");
    cloud.put(&foreign, MSI, json!({"location": "westus"})).expect(201);
    let contributor = cloud.person(cloud.tenant, &[]);
    cloud.grant(&contributor, "Contributor", &cloud.at("g"));
    let machine = json!({
        "type": "Microsoft.Compute/virtualMachines", "apiVersion": VM, "name": "vm1", "location": "westus",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": { foreign: {} }},
    });
    let put = |body: Value| cloud.call(&contributor, Method::PUT, &path(&cloud, "d"), ARM, Some(body));
    let answer = put(of(json!([identity("id2", json!([])), machine, identity("id3", json!(["vm1"]))]))).expect(201);
    let poll = cloud.call(&contributor, Method::GET, &status_of(&answer), "", None).expect(200);
    assert_eq!((&poll.body["status"], &poll.body["error"]["code"]), (&json!("Failed"), &json!("DeploymentFailed")));
    assert_eq!(poll.body["error"]["details"][0]["code"], "LinkedAuthorizationFailed");
    cloud.get(&cloud.identity("id2"), MSI).expect(200);
    cloud.get(&cloud.vm("vm1"), VM).refused(404, "ResourceNotFound");
    cloud.get(&cloud.identity("id3"), MSI).refused(404, "ResourceNotFound");
    let shown = cloud.get(&path(&cloud, "d"), ARM).expect(200);
    assert_eq!(shown.body["properties"]["error"], poll.body["error"]);
    let listed = cloud.get(&format!("{}/operations", path(&cloud, "d")), ARM).expect(200);
    let states: Vec<&Value> =
        listed.body["value"].as_array().unwrap().iter().map(|item| &item["properties"]["statusCode"]).collect();
    assert_eq!(states, ["Created", "Forbidden"]);
}

#[test]
fn what_could_not_be_deployed_is_refused_before_anything_is_made() {
    let cloud = Cloud::with_group();
    let put = |body: Value| cloud.put(&path(&cloud, "d"), ARM, body);
    let unknown = of(json!([identity("[nosuch('x')]", json!([]))]));
    let refused = put(unknown.clone()).refused(400, "InvalidTemplate");
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Deployment template validation failed: '"), "{message}");
    assert!(message.contains("The template function 'nosuch' is not valid."), "{message}");
    let validate = format!("{}/validate", path(&cloud, "d"));
    let call = |who: &Person, body: Value| cloud.call(who, Method::POST, &validate, ARM, Some(body));
    call(&cloud.owner, unknown).refused(400, "InvalidTemplate");
    let other = json!({"type": "Microsoft.Nothing/things", "apiVersion": "2020-01-01", "name": "x"});
    let body = of(json!([identity("id1", json!([])), other]));
    call(&cloud.owner, body.clone()).refused(400, "InvalidTemplateDeployment");
    // It is accepted, and has failed: az cannot say why a deployment was refused.
    let failed = put(body).expect(201);
    assert_eq!(failed.body["properties"]["provisioningState"], "Failed");
    let error = &cloud.get(&status_of(&failed), "").expect(200).body["error"];
    assert_eq!(
        (&error["code"], &error["details"][0]["code"]),
        (&json!("InvalidTemplateDeployment"), &json!("InvalidResourceNamespace"))
    );
    cloud.delete(&path(&cloud, "d"), ARM).expect(204);
    put(deployment(machine(&cloud)["properties"]["template"].clone(), json!({}))).refused(400, "InvalidTemplate");
    for wrong in [
        json!({}),
        json!({"properties": {"mode": "Incremental"}}),
        json!({"properties": {"mode": "Complete", "template": {}}}),
        json!({"properties": {"mode": "Incremental", "templateLink": {"uri": "https://example.com/t.json"}}}),
        json!({"properties": {"mode": "Incremental", "template": []}}),
    ] {
        put(wrong).refused(400, "InvalidRequestContent");
    }
    cloud.get(&path(&cloud, "d"), ARM).refused(404, "DeploymentNotFound");
    // Somebody who may deploy, and may not make what is deployed.
    let tags =
        cloud.person(cloud.tenant, &[("Managed Identity Contributor", ScopeKey::Subscription(cloud.subscription))]);
    let vnet = json!({"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2015-06-15", "name": "n", "location": "westus"});
    let body = of(json!([identity("id1", json!([])), vnet]));
    call(&tags, body.clone()).refused(400, "InvalidTemplateDeployment");
    let failed = cloud.call(&tags, Method::PUT, &path(&cloud, "d"), ARM, Some(body)).expect(201);
    let error = &failed.body["properties"]["error"];
    assert_eq!(error["details"][0]["code"], "AuthorizationFailed");
    cloud.get(&cloud.identity("id1"), MSI).refused(404, "ResourceNotFound");
    let good = call(&cloud.owner, of(json!([identity("id1", json!([]))]))).expect(200);
    assert_eq!(
        good.body["properties"]["validatedResources"][0]["id"],
        cloud.identity("id1").replace("resourcegroups", "resourceGroups")
    );
    cloud.get(&cloud.identity("id1"), MSI).refused(404, "ResourceNotFound");
}

#[test]
fn deployments_are_found_listed_and_forgotten() {
    let cloud = Cloud::with_group();
    let at = |name: &str| path(&cloud, name);
    let head = |name: &str| cloud.call(&cloud.owner, Method::HEAD, &at(name), ARM, None);
    head("d").expect(404);
    cloud.put(&at("D"), ARM, of(json!([identity("id1", json!([]))]))).expect(201);
    cloud.put(&at("d"), ARM, of(json!([identity("id1", json!([]))]))).expect(200);
    head("d").expect(204);
    cloud.put(&at("e"), ARM, of(json!([]))).expect(201);
    let list = |query: &str| {
        let path = format!("{}/providers/Microsoft.Resources//deployments/{query}", cloud.at("G"));
        cloud.get(&path, ARM).expect(200).names().iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(""), ["e", "d"]);
    assert_eq!(list("?$filter=provisioningState eq 'failed'"), Vec::<String>::new());
    let first =
        cloud.get(&format!("{}/providers/Microsoft.Resources/deployments?$top=1", cloud.at("g")), ARM).expect(200);
    assert_eq!(first.names(), ["e"]);
    let next = first.body["nextLink"].as_str().unwrap().strip_prefix("https://localhost:8443").unwrap();
    let second = cloud.get(next, "").expect(200);
    assert_eq!((second.names(), second.body.get("nextLink")), (vec!["d"], None));
    cloud.delete(&at("D"), ARM).expect(204);
    cloud.delete(&at("D"), ARM).expect(204);
    cloud.get(&at("d"), ARM).refused(404, "DeploymentNotFound");
    cloud.get(&cloud.identity("id1"), MSI).expect(200);
    cloud.put(&at(&"x".repeat(65)), ARM, of(json!([]))).refused(400, "InvalidResourceName");
    let elsewhere = format!("{}/providers/Microsoft.Resources/deployments/d", cloud.root());
    cloud.put(&elsewhere, ARM, of(json!([]))).refused(404, "InvalidResourceType");
    let missing = at("d").replace("/resourceGroups/g/", "/resourceGroups/none/");
    cloud.put(&missing, ARM, of(json!([]))).refused(404, "ResourceGroupNotFound");
    cloud
        .call(&cloud.other_owner, Method::PUT, &at("d"), ARM, Some(of(json!([]))))
        .refused(401, "InvalidAuthenticationTokenTenant");
    let reader = cloud.in_subscription("Reader");
    cloud.call(&reader, Method::PUT, &at("d"), ARM, Some(of(json!([])))).refused(403, "AuthorizationFailed");
    cloud.call(&reader, Method::GET, &at("e"), ARM, None).expect(200);
}

#[test]
fn a_deployment_whose_parameters_nest_too_deeply_is_refused_and_an_old_one_can_be_removed() {
    let cloud = Cloud::with_group();
    let mut deep = template(json!([]));
    for n in 0..6 {
        let end = if n == 5 { json!("x") } else { json!(format!("[parameters('p{}')]", n + 1)) };
        let default = (0..21).fold(end, |value, _| json!({ "a": value }));
        deep["parameters"][format!("p{n}")] = json!({"type": "object", "defaultValue": default});
    }
    cloud.put(&path(&cloud, "d"), ARM, deployment(deep, json!({}))).refused(400, "InvalidTemplate");
    for name in ["d", "e"] {
        cloud.put(&path(&cloud, name), ARM, of(json!([identity("id1", json!([]))]))).expect(201);
    }
    // Rows that cannot be read, as versions stored them that did not look at the depth.
    let spoil = |tx: &mut Tx<'_>| {
        for (key, mut row) in tx.page(&ANY_DEPLOYMENT, &(), None, usize::MAX)? {
            row["parameters"] = json!(1);
            tx.put(&ANY_DEPLOYMENT, &key, &row)?;
        }
        Ok::<(), StoreError>(())
    };
    cloud.store.write(spoil).unwrap();
    cloud.delete(&path(&cloud, "d"), ARM).expect(204);
    cloud.get(&path(&cloud, "d"), ARM).refused(404, "DeploymentNotFound");
    cloud.delete(&cloud.at("g"), ARM);
    cloud.advance_all().unwrap();
    cloud.get(&cloud.at("g"), ARM).refused(404, "ResourceGroupNotFound");
}

#[test]
fn a_template_file_is_read_as_az_sends_it() {
    let cloud = Cloud::with_group();
    // `JsonCTemplatePolicy` of azure-cli 2.91: a bare key, and the text of the file as it is.
    let body = format!(
        "{{\"properties\": {{\"parameters\": {{\"name\": {{\"value\": \"id1\"}}}}, \"mode\": \"Incremental\", template:{{
  // a comment
  \"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",
  'contentVersion': '1.0.0.0',
  \"parameters\": {{\"name\": {{\"type\": \"string\"}},}},
  \"resources\": [{{\"type\": \"Microsoft.ManagedIdentity/userAssignedIdentities\", \"apiVersion\": \"{MSI}\", \"name\": \"[
    parameters('name')]\", \"location\": \"westus\"}}, /* one */],
}}}}}}"
    );
    let token = format!("Bearer {}", cloud.token(&cloud.owner));
    let send = |method: Method, path: &str| {
        let path = format!("{path}?api-version={ARM}");
        cloud.raw(method, &path, &[("authorization", &token)], body.as_bytes())
    };
    send(Method::POST, &format!("{}/validate", path(&cloud, "d"))).expect(200);
    let made = send(Method::PUT, &path(&cloud, "d")).expect(201);
    assert_eq!(made.body["properties"]["provisioningState"], "Succeeded", "{:#}", made.body);
    cloud.get(&cloud.identity("id1"), MSI).expect(200);
    // No other body is read so.
    send(Method::PUT, &cloud.identity("id2")).refused(400, "InvalidRequestContent");
}

#[test]
fn tn_05_a_name_in_a_template_is_the_name_of_the_resource() {
    let cloud = Cloud::with_group();
    let put = |name: &str| {
        let resource = json!({"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2022-01-01", "name": name, "location": "westus"});
        cloud.put(&path(&cloud, "d"), ARM, of(json!([resource])))
    };
    let network = |name: &str| format!("{}/providers/Microsoft.Network/virtualNetworks/{name}", cloud.at("g"));
    for name in ["", "a//b", "a/", "/a", "..", "n%31", "a%2Fsubnets%2Fb"] {
        let answer = put(name);
        let state = answer.body["properties"]["provisioningState"].as_str().unwrap_or("refused");
        assert!(state == "Failed" || state == "refused", "{name}: {state}");
    }
    cloud.get(&format!("{}/subnets/b", network("a")), "2022-01-01").expect(404);
    for name in ["a", "n1"] {
        cloud.get(&network(name), "2022-01-01").refused(404, "ResourceNotFound");
    }
}
