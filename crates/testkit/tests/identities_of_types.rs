//! Managed identities on every type of resource: the one order gives them, whatever the type.

#![allow(clippy::unwrap_used)]

use bonafide_core::directory::{PRINCIPALS, find};
use bonafide_store::Read;
use bonafide_testkit::{Answer, Cloud, MANAGEMENT, Machine, ManagedIdentity, Person, claims};
use bonafide_types::ResourceId;
use serde_json::{Value, json};

/// Types with identities; the names after the first are those of the resources above it; a role that may write them.
const TYPES: [(&str, &str, &str); 16] = [
    ("Microsoft.Compute/virtualMachines", "workload", "Virtual Machine Contributor"),
    ("Microsoft.Compute/virtualMachineScaleSets", "workload", "Virtual Machine Contributor"),
    ("Microsoft.ContainerInstance/containerGroups", "workload", "Azure Container Instances Contributor Role"),
    ("Microsoft.Web/sites", "workload", "Website Contributor"),
    ("Microsoft.Web/sites/slots", "above/slots/workload", "Website Contributor"),
    ("Microsoft.ContainerService/managedClusters", "workload", "Azure Kubernetes Service Contributor Role"),
    ("Microsoft.Logic/workflows", "workload", "Logic App Contributor"),
    ("Microsoft.ApiManagement/service", "workload", "API Management Service Contributor"),
    ("Microsoft.ContainerRegistry/registries", "workload", "Contributor"),
    ("Microsoft.ContainerRegistry/registries/tasks", "above/tasks/workload", "Container Registry Tasks Contributor"),
    ("Microsoft.EventHub/namespaces", "workload", "Azure Event Hubs Data Owner"),
    ("Microsoft.ServiceBus/namespaces", "workload", "Azure Service Bus Data Owner"),
    ("Microsoft.Automation/automationAccounts", "workload", "Automation Contributor"),
    ("Microsoft.DataFactory/factories", "workload", "Data Factory Contributor"),
    ("Microsoft.HybridCompute/machines", "workload", "Azure Connected Machine Resource Administrator"),
    ("Microsoft.Search/searchServices", "workload", "Search Service Contributor"),
];

/// The path of a resource of a type, with what lies above it made.
fn path(cloud: &Cloud, type_name: &str, name: &str) -> String {
    let top = type_name.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
    let path = format!("{}/resourceGroups/rg/providers/{top}/{name}", cloud.home.root());
    let mut above = ResourceId::parse(&path).unwrap().parent();
    while let Some(id) = above.filter(|id| !id.is_group()) {
        let made = put(cloud, &cloud.home.operator, id.as_str(), &json!({"location": "westeurope"}));
        assert!(made.status < 300, "{}", made.text);
        above = id.parent();
    }
    path
}

fn put(cloud: &Cloud, person: &Person, path: &str, body: &Value) -> Answer {
    cloud.call(person, "PUT", path, Some(body))
}

fn both(identity: &ManagedIdentity) -> Value {
    json!({"location": "westeurope", "identity": {
        "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identity.id.as_str(): {}},
    }})
}

/// A stored resource, placed on the host.
fn placed(cloud: &Cloud, id: &str) -> Machine {
    let id = ResourceId::parse(id).unwrap();
    let (uuid, row) = cloud.store.read(|tx| find(tx, &id)).unwrap().unwrap();
    cloud.place(&id);
    Machine { id, uuid, principal: row.identity.system.map(|system| system.principal_id) }
}

fn claims_of(cloud: &Cloud, machine: &Machine, more: &str) -> Value {
    claims(cloud.workload_token(machine, MANAGEMENT, more).expect(200).text_at("/access_token"))
}

/// An id as tokens spell it (docs/wire/tokens.md).
fn in_tokens(id: &str) -> Value {
    id.replacen("/resourceGroups/", "/resourcegroups/", 1).into()
}

#[test]
fn a_resource_of_every_type_has_identities_whose_tokens_name_it() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let identity = cloud.make_identity(&cloud.home, "rg", "ida");
    let operator = cloud.home.operator.clone();
    for (type_name, name, _) in TYPES {
        let path = path(&cloud, type_name, name);
        let made = put(&cloud, &operator, &path, &both(&identity));
        assert!(made.status < 300, "{type_name}: {}", made.text);
        let shown = cloud.call(&operator, "GET", &path, None).expect(200).body;
        let (id, block) = (shown["id"].as_str().unwrap(), &shown["identity"]);
        assert_eq!((&shown["type"], &block["type"]), (&json!(type_name), &json!("SystemAssigned, UserAssigned")));
        let user = &block["userAssignedIdentities"][identity.id.as_str()];
        assert_eq!(user["clientId"], identity.client.to_string(), "{type_name}");

        let machine = placed(&cloud, id);
        let system = claims_of(&cloud, &machine, "");
        assert_eq!((&system["oid"], &system["xms_mirid"]), (&block["principalId"], &in_tokens(id)), "{type_name}");
        let user = claims_of(&cloud, &machine, &format!("&client_id={}", identity.client));
        assert_eq!(user["oid"], identity.principal.to_string(), "{type_name}");
        assert_eq!(
            (&user["xms_mirid"], &user["xms_az_rid"]),
            (&in_tokens(identity.id.as_str()), &in_tokens(id)),
            "{type_name}"
        );

        let none = json!({"identity": {"type": "None"}});
        let changed = cloud.call(&operator, "PATCH", &path, Some(&none)).expect(200);
        assert!(changed.body.get("identity").is_none(), "{}", changed.text);
        let principal = machine.principal.unwrap();
        assert!(cloud.store.read(|tx| tx.get(&PRINCIPALS, &principal)).unwrap().is_none(), "{type_name}");
        cloud.round();
        assert_eq!(cloud.workload_token(&machine, MANAGEMENT, "").status, 400, "{type_name}");
    }
}

#[test]
fn tn_03_who_may_write_a_resource_gives_it_a_system_assigned_identity_and_needs_a_role_on_every_other() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let identity = cloud.make_identity(&cloud.home, "rg", "ida");
    for (at, (type_name, name, role)) in TYPES.into_iter().enumerate() {
        let path = path(&cloud, type_name, name);
        let person = cloud.application(cloud.home.tenant, &format!("p{at}"));
        let system = json!({"location": "westeurope", "identity": {"type": "SystemAssigned"}});
        put(&cloud, &person, &path, &system).refused(403, "AuthorizationFailed");
        let group = format!("{}/resourceGroups/rg", cloud.home.root());
        cloud.grant(&cloud.home, person.principal, role, &group);
        let made = put(&cloud, &person, &path, &system);
        assert!(made.status < 300, "{type_name} as {role}: {}", made.text);
        if role == "Contributor" {
            continue;
        }
        put(&cloud, &person, &path, &both(&identity)).refused(403, "LinkedAuthorizationFailed");
        cloud.grant(&cloud.home, person.principal, "Managed Identity Operator", identity.id.as_str());
        let _ = put(&cloud, &person, &path, &both(&identity)).expect(200);
    }
}

#[test]
fn tn_03_an_identity_that_the_properties_name_needs_the_same_role_as_one_of_the_identity_block() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let identity = cloud.make_identity(&cloud.home, "rg", "ida");
    let person = cloud.application(cloud.home.tenant, "p");
    let group = format!("{}/resourceGroups/rg", cloud.home.root());
    cloud.grant(&cloud.home, person.principal, "Azure Kubernetes Service Contributor Role", &group);
    cloud.grant(&cloud.home, person.principal, "Website Contributor", &group);
    let (cluster, site) = (
        format!("{group}/providers/Microsoft.ContainerService/managedClusters/aks"),
        format!("{group}/providers/Microsoft.Web/sites/web"),
    );
    let id = identity.id.as_str();
    let bodies = [
        (&cluster, json!({"identityProfile": {"kubeletidentity": {"resourceId": id}}})),
        (&cluster, json!({"IDENTITYPROFILE": {"KubeletIdentity": {"ResourceID": id.to_uppercase()}}})),
        (&cluster, json!({"identityProfile": [{"kubeletidentity": {"resourceId": format!("{id}/")}}]})),
        (&cluster, json!({"servicePrincipalProfile": {"clientId": id}})),
        (&site, json!({"keyVaultReferenceIdentity": id})),
        (&site, json!({"siteConfig": {"acrUserManagedIdentityID": format!(" {id} ")}})),
        (&site, json!({"x": {"userAssignedIdentities": {id: {}}}})),
    ];
    for (path, properties) in &bodies {
        let body = json!({"location": "westeurope", "properties": properties});
        let refused = put(&cloud, &person, path, &body);
        assert!(refused.text.contains("userAssignedIdentities/assign/action"), "{properties}: {}", refused.text);
        refused.refused(403, "LinkedAuthorizationFailed");
        cloud.call(&cloud.home.operator, "GET", path, None).refused(404, "ResourceNotFound");
    }
    // By a change, too; and what the operator put there may stay.
    let _ = put(&cloud, &person, &site, &json!({"location": "westeurope"})).expect(200);
    let change = json!({"properties": {"keyVaultReferenceIdentity": id}});
    cloud.call(&person, "PATCH", &site, Some(&change)).refused(403, "LinkedAuthorizationFailed");
    let _ = cloud.call(&cloud.home.operator, "PATCH", &site, Some(&change)).expect(200);
    let _ = cloud.call(&person, "PATCH", &site, Some(&json!({"tags": {"a": "b"}}))).expect(200);
    let _ = cloud.call(&person, "PATCH", &site, Some(&change)).expect(200);
    cloud.grant(&cloud.home, person.principal, "Managed Identity Operator", id);
    for (path, properties) in &bodies {
        let made = put(&cloud, &person, path, &json!({"location": "westeurope", "properties": properties}));
        assert!(made.status < 300, "{properties}: {}", made.text);
    }
}

#[test]
fn the_kubelet_of_a_cluster_has_its_identity_until_it_is_taken_away() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let (own, kubelet) = (cloud.make_identity(&cloud.home, "rg", "own"), cloud.make_identity(&cloud.home, "rg", "kub"));
    let operator = cloud.home.operator.clone();
    let path = path(&cloud, "Microsoft.ContainerService/managedClusters", "aks");
    let mut body = both(&own);
    let claimed = json!({"resourceId": kubelet.id.as_str(), "clientId": own.client.to_string(), "objectId": "x"});
    body["properties"] = json!({"dnsPrefix": "aks", "identityProfile": {"kubeletidentity": claimed}});
    let made = put(&cloud, &operator, &path, &body).expect(201);
    assert_eq!(
        made.body["properties"]["identityProfile"]["kubeletidentity"],
        json!({"resourceId": kubelet.id.as_str(), "clientId": kubelet.client.to_string(), "objectId": kubelet.principal.to_string()})
    );
    assert_eq!(made.body["identity"]["userAssignedIdentities"].as_object().unwrap().len(), 1);
    let machine = placed(&cloud, made.text_at("/id"));
    let selector = format!("&client_id={}", kubelet.client);
    let token = claims_of(&cloud, &machine, &selector);
    assert_eq!(
        (&token["xms_mirid"], &token["xms_az_rid"]),
        (&in_tokens(kubelet.id.as_str()), &in_tokens(machine.id.as_str()))
    );
    let used = |identity: &ManagedIdentity| {
        let list = format!("{}/listAssociatedResources", identity.id);
        cloud.call(&operator, "POST", &list, None).expect(200).body["totalCount"].clone()
    };
    assert_eq!(used(&kubelet), 1);

    // A change that says nothing of it leaves it, and so does the body of a GET that is put back.
    let _ = cloud.call(&operator, "PATCH", &path, Some(&json!({"tags": {"a": "b"}}))).expect(200);
    let shown = cloud.call(&operator, "GET", &path, None).expect(200).body;
    let _ = put(&cloud, &operator, &path, &shown).expect(200);
    assert_eq!(used(&kubelet), 1);
    // One of the same name is another identity.
    let _ = cloud.call(&operator, "DELETE", kubelet.id.as_str(), None).expect(200);
    let _ = cloud.call(&operator, "PATCH", &path, Some(&json!({"tags": {}}))).expect(200);
    let again = cloud.make_identity(&cloud.home, "rg", "kub");
    let person = cloud.application(cloud.home.tenant, "p");
    let group = format!("{}/resourceGroups/rg", cloud.home.root());
    cloud.grant(&cloud.home, person.principal, "Azure Kubernetes Service Contributor Role", &group);
    cloud.call(&person, "PATCH", &path, Some(&json!({"tags": {}}))).refused(403, "LinkedAuthorizationFailed");
    assert_eq!(used(&again), 0);
    let _ = put(&cloud, &operator, &path, &shown).expect(200);
    assert_eq!(used(&again), 1);

    // A PUT without it takes it away.
    body["properties"] = json!({"dnsPrefix": "aks"});
    let changed = put(&cloud, &operator, &path, &body).expect(200);
    assert!(changed.body["properties"].get("identityProfile").is_none());
    assert_eq!((used(&again), used(&own)), (json!(0), json!(1)));
    cloud.round();
    assert_eq!(cloud.workload_token(&machine, MANAGEMENT, &format!("&client_id={}", again.client)).status, 400);
}
