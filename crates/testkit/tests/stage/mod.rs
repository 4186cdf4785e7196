//! A cloud in which there is what the routes of the resource manager name, with a path and a body for each.

use bonafide_testkit::{Cloud, Machine, ManagedIdentity};
use serde_json::{Value, json};

const ASSIGNMENT: &str = "00000000-0000-4000-8000-000000000001";
const ROLE: &str = "00000000-0000-4000-8000-000000000002";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// A cloud in which there is what the routes name.
pub(crate) struct Stage {
    pub(crate) cloud: Cloud,
    machine: Machine,
    identity: ManagedIdentity,
    operation: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let cloud = Cloud::new();
        let home = cloud.home.clone();
        cloud.make_group(&home, "rg");
        let identity = cloud.make_identity(&home, "rg", "ida");
        let machine = cloud.make_machine(&home, "rg", "web1", true, &[&identity]);
        let child = json!({"location": "westeurope", "properties": {"publisher": "p", "type": "t", "typeHandlerVersion": "1.0"}});
        let _ = cloud.call(&home.operator, "PUT", &format!("{}/extensions/e1", machine.id), Some(&child)).expect(201);
        let site = home.id("rg", "Microsoft.Web/sites", "site1");
        let _ = cloud.call(&home.operator, "PUT", site.as_str(), Some(&json!({"location": "westeurope"}))).expect(200);
        let set = home.id("rg", "Microsoft.Compute/virtualMachineScaleSets", "set1");
        let body = json!({"location": "westeurope", "sku": {"name": "Standard_B1s", "capacity": 1}});
        let _ = cloud.call(&home.operator, "PUT", set.as_str(), Some(&body)).expect(201);
        for above in [set.to_string(), format!("{set}/virtualMachines/0")] {
            let _ = cloud.call(&home.operator, "PUT", &format!("{above}/extensions/e1"), Some(&child)).expect(201);
        }
        let racks = home.id("rg", "Microsoft.Compute/hostGroups", "racks");
        for id in [racks.to_string(), format!("{racks}/hosts/edge")] {
            let _ = cloud.call(&home.operator, "PUT", &id, Some(&json!({"location": "westeurope"}))).expect(201);
        }
        let path = format!("{}/providers/Microsoft.Authorization/roleAssignments/{ASSIGNMENT}", home.root());
        let _ = cloud.call(&home.operator, "PUT", &path, Some(&assignment(&identity))).expect(201);
        let path = format!("{}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}", home.root());
        let _ = cloud.call(&home.operator, "PUT", &path, Some(&role(&home.root()))).expect(201);
        let path = format!("{}/tagNames/env", home.root());
        let _ = cloud.call(&home.operator, "PUT", &path, None).expect(201);
        // The subscription lies in the first group, and nothing in the second.
        for (name, parent) in [("mg", home.tenant.to_string()), ("spare", "mg".to_owned())] {
            let _ = cloud.call(&home.operator, "PUT", &management_group(name), Some(&lies_in(&parent))).expect(200);
        }
        let settings = format!("{}/settings/default", management_group(&home.tenant.to_string()));
        let _ = cloud.call(&home.operator, "PUT", &settings, Some(&json!({}))).expect(200);
        let placed = format!("{}/subscriptions/{}", management_group("mg"), home.subscription);
        let _ = cloud.call(&home.operator, "PUT", &placed, None).expect(200);
        let path = format!("{}/resourceGroups/rg/providers/Microsoft.Resources/deployments/d1", home.root());
        let _ = cloud.call(&home.operator, "PUT", &path, Some(&deployment())).expect(201);
        let operation = cloud.make_operation(&home).to_string();
        Self { cloud, machine, identity, operation }
    }

    pub(crate) fn path(&self, method: &str, template: &str) -> String {
        let home = &self.cloud.home;
        let group = format!("subscriptions/{}/resourceGroups/rg", home.subscription);
        let scope = match template {
            path if path.contains("/identities/default") => &self.machine.id.as_str()[1..],
            path if path.contains("/Microsoft.Authorization/") => &home.root()[1..],
            _ => &group,
        };
        let name = match template {
            path if path.contains("roleAssignments/") => ASSIGNMENT,
            path if path.contains("roleDefinitions/") => ROLE,
            path if path.contains("userAssignedIdentities/") => "ida",
            path if path.contains("hostGroups/") => "racks",
            path if path.contains("deployments/") => "d1",
            path if path.contains("virtualMachineScaleSets/") => "set1",
            path if path.contains("virtualMachines/") || path.contains("{child}") => "web1",
            _ => "site1",
        };
        let root_group = home.tenant.to_string();
        let group_name = match template {
            path if path.contains("/settings") => root_group.as_str(),
            path if method == "DELETE" && !path.contains("/subscriptions/") => "spare",
            _ => "mg",
        };
        let (namespace, type_name) = if template.contains("{child}") || template.contains("{feature}") {
            ("Microsoft.Compute", "virtualMachines")
        } else if template.contains("/artifacttypes/") {
            ("", "ManagedIdentityExtensionForLinux")
        } else {
            ("Microsoft.Web", "sites")
        };
        let child = match template {
            path if path.contains("}/virtualMachines/{") => "0",
            path if path.contains("}/hosts/{") => "edge",
            _ => "e1",
        };
        let is_image = template.contains("/vmimage/");
        let publisher = if is_image { "Canonical" } else { "Microsoft.ManagedIdentity" };
        let version = if is_image { "latest" } else { "1.0.0.0" };
        let path = template
            .replace("{scope...}", scope)
            .replace("{subscription}", &home.subscription.to_string())
            .replace("{managementGroup}", group_name)
            .replace("{group}", "rg")
            .replace("{location}", "westeurope")
            .replace("{operation}", &self.operation)
            .replace("{deployment}", "d1")
            .replace("{step}", "0000000000000001")
            .replace("{namespace}", namespace)
            .replace("{type}", type_name)
            .replace("{child}", "extensions")
            .replace("{childName}", child)
            .replace("{lastName}", "e1")
            .replace("{feature}", "EncryptionAtHost")
            .replace("{tagName}", "env")
            .replace("{tagValue}", "dev")
            .replace("{publisher}", publisher)
            .replace("{offer}", "UbuntuServer")
            .replace("{sku}", "18.04-LTS")
            .replace("{version}", version)
            .replace("{name}", name);
        assert!(!path.contains('{'), "the matrix does not know what {template} names");
        path
    }

    pub(crate) fn body(&self, method: &str, path: &str) -> Option<Value> {
        match method {
            "PUT" if path.contains("/roleAssignments/") => Some(assignment(&self.identity)),
            "PUT" if path.contains("/roleDefinitions/") => Some(role(&self.cloud.home.root())),
            "PUT" if path.contains("/locks/") => Some(json!({"properties": {"level": "CanNotDelete"}})),
            "PUT" if path.contains("/tags/default") => Some(json!({"properties": {"tags": {}}})),
            "PATCH" if path.contains("/tags/default") => {
                Some(json!({"operation": "Merge", "properties": {"tags": {}}}))
            }
            "PUT" | "PATCH" if path.ends_with("/settings/default") => {
                Some(json!({"properties": {"requireAuthorizationForGroupCreation": true}}))
            }
            "PUT" if path.contains("/managementGroups/") => Some(json!({})),
            "PATCH" if path.contains("/managementGroups/") => Some(json!({"displayName": "Mine"})),
            "POST" if path.starts_with("/providers/") && path.ends_with("/checkNameAvailability") => {
                Some(json!({"name": "free"}))
            }
            "PUT" | "POST" if path.contains("/deployments/") => Some(deployment()),
            "POST" if path.ends_with("/place") || path.ends_with("/displace") => {
                Some(json!({"workload": self.machine.id.as_str()}))
            }
            "PUT" => Some(json!({"location": "westeurope"})),
            "PATCH" => Some(json!({"tags": {}})),
            "POST" if path.ends_with("/checkNameAvailability") => {
                Some(json!({"name": "site2", "type": "Microsoft.Web/sites"}))
            }
            _ => None,
        }
    }
}

/// The id of a management group.
pub(crate) fn management_group(name: &str) -> String {
    format!("/providers/Microsoft.Management/managementGroups/{name}")
}

fn lies_in(parent: &str) -> Value {
    json!({"properties": {"details": {"parent": {"id": management_group(parent)}}}})
}

/// A deployment of one identity.
fn deployment() -> Value {
    let schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";
    let identity = json!({
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "apiVersion": "2023-01-31",
        "name": "deployed",
        "location": "westeurope",
    });
    let template = json!({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [identity]});
    json!({"properties": {"mode": "Incremental", "template": template}})
}

fn assignment(identity: &ManagedIdentity) -> Value {
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}");
    json!({"properties": {"principalId": identity.principal, "roleDefinitionId": role}})
}

/// A custom role that can be assigned at a scope.
fn role(scope: &str) -> Value {
    json!({"properties": {"roleName": "Mine", "assignableScopes": [scope], "permissions": [{"actions": ["*/read"]}]}})
}
