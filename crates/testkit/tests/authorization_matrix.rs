//! Every management route for every kind of caller (TN-06), with real tokens, in a cloud of its own for
//! each. What each is answered is checked in; `MATRIX=rewrite` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the variable chooses between comparing and rewriting"
)]

use bonafide_testkit::{Ask, Cloud, MANAGEMENT, Machine, ManagedIdentity, Person, version};
use bonafide_wire::Surface;
use serde_json::{Value, json};
use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../transcripts/authorization-matrix.txt");
const ASSIGNMENT: &str = "00000000-0000-4000-8000-000000000001";
const ROLE: &str = "00000000-0000-4000-8000-000000000002";
const LIST: &str = "/providers/Microsoft.Management/managementGroups";
const ENTITIES: &str = "/providers/Microsoft.Management/getEntities";
const CHECK_NAME: &str = "/providers/Microsoft.Management/checkNameAvailability";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// A caller of the matrix.
#[derive(Clone, Copy)]
enum Caller {
    /// Somebody without a token.
    Nobody,
    /// The owner of another tenant's root.
    Foreigner,
    /// Somebody of the tenant who has no role.
    Stranger,
    /// Somebody with a role at the subscription.
    Holder(&'static str),
}

/// The callers, in the columns' order.
const CALLERS: [(&str, Caller); 6] = [
    ("nobody", Caller::Nobody),
    ("foreigner", Caller::Foreigner),
    ("stranger", Caller::Stranger),
    ("reader", Caller::Holder("Reader")),
    ("contributor", Caller::Holder("Contributor")),
    ("owner", Caller::Holder("Owner")),
];

#[test]
fn tn_06_every_route_answers_each_caller_as_it_is_written_down() {
    let mut matrix = String::from(
        "# Who may do what, by status: management routes, and callers with a role at the subscription or none;\n# the foreigner owns another tenant.\n",
    );
    writeln!(matrix, "{:113}{}", "#", CALLERS.map(|(name, _)| format!("{name:>12}")).concat()).unwrap();
    for route in <bonafide_management::Cx<'_> as Surface>::routes() {
        let route = &format!("{} {}", route.method, route.path);
        let statuses = CALLERS.map(|(_, caller)| format!("{:>12}", Stage::new().status(route, caller)));
        writeln!(matrix, "{route:113}{}", statuses.concat()).unwrap();
    }
    if std::env::var("MATRIX").is_ok_and(|mode| mode == "rewrite") {
        return std::fs::write(PATH, matrix).unwrap();
    }
    let known = std::fs::read_to_string(PATH).unwrap_or_default();
    let changed: Vec<String> = matrix
        .lines()
        .filter(|line| !known.lines().any(|known| known == *line))
        .map(|line| format!("now   {line}"))
        .chain(
            known
                .lines()
                .filter(|known| !matrix.lines().any(|line| line == *known))
                .map(|line| format!("was   {line}")),
        )
        .collect();
    assert!(
        changed.is_empty() && known == matrix,
        "transcripts/authorization-matrix.txt differs:\n{}",
        changed.join("\n")
    );
}

#[test]
fn tn_06_only_the_description_of_the_cloud_is_public_and_nobody_without_a_role_here_reads_or_writes() {
    let matrix = std::fs::read_to_string(PATH).unwrap();
    for line in matrix.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [method, path, nobody, foreigner, stranger, reader, ..] = cells[..] else { panic!("{line}") };
        let public = ["/metadata/endpoints", "/metadata/vmImageAliases"].contains(&path);
        assert_eq!(nobody == "401", !public, "{line}");
        // Answers that are the same for everybody, and lists of a caller's own objects.
        let same_for_all = public
            || ["/tenants", "/subscriptions", "/providers", "/providers/{namespace}"].contains(&path)
            || path == "/providers/Microsoft.ManagedIdentity/operations"
            || [LIST, ENTITIES].contains(&path);
        // Groups of this name are the caller's own tenant's: the foreigner owns that.
        let in_own_tenant = path.starts_with("/providers/Microsoft.Management/");
        assert_eq!(stranger == "403", !same_for_all, "{line}");
        assert_eq!(foreigner == "401", !same_for_all && !in_own_tenant, "{line}");
        // It answers from what is stored, and takes a body.
        let is_check = path.ends_with("/checkNameAvailability");
        let reads = ["GET", "HEAD"].contains(&method) || is_check || [ENTITIES, CHECK_NAME].contains(&path);
        assert!(reads || reader == "403", "a reader writes: {line}");
    }
}

/// A cloud in which there is what the routes name.
struct Stage {
    cloud: Cloud,
    machine: Machine,
    identity: ManagedIdentity,
    operation: String,
}

impl Stage {
    fn new() -> Self {
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
        let placed = format!("{}/subscriptions/{}", management_group("mg"), home.subscription);
        let _ = cloud.call(&home.operator, "PUT", &placed, None).expect(200);
        let path = format!("{}/resourceGroups/rg/providers/Microsoft.Resources/deployments/d1", home.root());
        let _ = cloud.call(&home.operator, "PUT", &path, Some(&deployment())).expect(201);
        let operation = cloud.make_operation(&home).to_string();
        Self { cloud, machine, identity, operation }
    }

    /// The status with which a route answers a caller.
    fn status(&self, route: &str, caller: Caller) -> u16 {
        let (method, template) = route.split_once(' ').unwrap();
        let path = self.path(method, template);
        let mut ask = Ask::new(method, &format!("{path}?api-version={}", version(&path)));
        if let Some(body) = self.body(method, &path) {
            ask = ask.json(&body);
        }
        if let Some(person) = self.person(caller, template) {
            ask = ask.bearer(&self.cloud.token(&person, MANAGEMENT));
        }
        self.cloud.management(ask.request()).status.as_u16()
    }

    /// The caller, with its role at the place that the route is about.
    fn person(&self, caller: Caller, template: &str) -> Option<Person> {
        let home = &self.cloud.home;
        let person = || self.cloud.application(home.tenant, "caller");
        match caller {
            Caller::Nobody => None,
            Caller::Foreigner => Some(self.cloud.second_tenant().operator),
            Caller::Stranger => Some(person()),
            Caller::Holder(role) => {
                let person = person();
                let scope = match template {
                    CHECK_NAME => management_group(&home.tenant.to_string()),
                    path if path.starts_with("/providers/Microsoft.Management/") => management_group("mg"),
                    _ => home.root(),
                };
                self.cloud.grant(home, person.principal, role, &scope);
                Some(person)
            }
        }
    }

    fn path(&self, method: &str, template: &str) -> String {
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
            path if path.contains("deployments/") => "d1",
            path if path.contains("virtualMachineScaleSets/") => "set1",
            path if path.contains("virtualMachines/") || path.contains("{child}") => "web1",
            _ => "site1",
        };
        let (namespace, type_name) = if template.contains("{child}") || template.contains("{feature}") {
            ("Microsoft.Compute", "virtualMachines")
        } else if template.contains("/artifacttypes/") {
            ("", "ManagedIdentityExtensionForLinux")
        } else {
            ("Microsoft.Web", "sites")
        };
        let is_image = template.contains("/vmimage/");
        let publisher = if is_image { "Canonical" } else { "Microsoft.ManagedIdentity" };
        let version = if is_image { "latest" } else { "1.0.0.0" };
        let path = template
            .replace("{scope...}", scope)
            .replace("{subscription}", &home.subscription.to_string())
            .replace(
                "{managementGroup}",
                if method == "DELETE" && !template.contains("/subscriptions/") { "spare" } else { "mg" },
            )
            .replace("{group}", "rg")
            .replace("{location}", "westeurope")
            .replace("{operation}", &self.operation)
            .replace("{deployment}", "d1")
            .replace("{step}", "0000000000000001")
            .replace("{namespace}", namespace)
            .replace("{type}", type_name)
            .replace("{child}", "extensions")
            .replace("{childName}", if template.contains("}/virtualMachines/{") { "0" } else { "e1" })
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

    fn body(&self, method: &str, path: &str) -> Option<Value> {
        match method {
            "PUT" if path.contains("/roleAssignments/") => Some(assignment(&self.identity)),
            "PUT" if path.contains("/roleDefinitions/") => Some(role(&self.cloud.home.root())),
            "PUT" if path.contains("/locks/") => Some(json!({"properties": {"level": "CanNotDelete"}})),
            "PUT" if path.contains("/tags/default") => Some(json!({"properties": {"tags": {}}})),
            "PATCH" if path.contains("/tags/default") => {
                Some(json!({"operation": "Merge", "properties": {"tags": {}}}))
            }
            "PUT" if path.contains("/managementGroups/") => Some(json!({})),
            "PATCH" if path.contains("/managementGroups/") => Some(json!({"displayName": "Mine"})),
            "POST" if path.starts_with("/providers/") && path.ends_with("/checkNameAvailability") => {
                Some(json!({"name": "free"}))
            }
            "PUT" | "POST" if path.contains("/deployments/") => Some(deployment()),
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
fn management_group(name: &str) -> String {
    format!("{LIST}/{name}")
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
