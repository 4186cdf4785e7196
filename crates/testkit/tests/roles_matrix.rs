//! Each role that the documents of the original require, and what its holder may do and not (TN-03): what each call is
//! answered is checked in; `MATRIX=rewrite` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the variable chooses between comparing and rewriting"
)]

use bonafide_testkit::{Cloud, Machine, ManagedIdentity, Person};
use serde_json::{Value, json};
use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../transcripts/roles-matrix.txt");
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const MACHINES: &str = "Virtual Machine Contributor";
const OPERATOR: &str = "Managed Identity Operator";
const WEBSITES: &str = "Website Contributor";

/// The place of a role.
#[derive(Debug, Clone, Copy)]
enum At {
    Workload,
    Group,
    Identity,
    /// An identity that is not the one that is assigned.
    OtherIdentity,
}

/// The holders of the first table, by their roles: the documents name the first ones.
const HOLDERS: [&[(&str, At)]; 13] = [
    &[],
    &[("Reader", At::Workload)],
    &[(MACHINES, At::Workload)],
    &[(MACHINES, At::Group)],
    &[(OPERATOR, At::Identity)],
    &[(MACHINES, At::Group), (OPERATOR, At::Identity)],
    &[(MACHINES, At::Group), (OPERATOR, At::OtherIdentity)],
    &[("Reader", At::Group), (OPERATOR, At::Identity)],
    &[("Managed Identity Contributor", At::Group)],
    &[(WEBSITES, At::Group)],
    &[("User Access Administrator", At::Group)],
    &[("Contributor", At::Group)],
    &[("Owner", At::Group)],
];

/// The calls of the first table.
const CALLS: [&str; 15] = [
    "read",
    "system",
    "user",
    "user-off",
    "tag",
    "start",
    "delete",
    "create",
    "read-id",
    "make-id",
    "delete-id",
    "roles",
    "grant",
    "lock",
    "site",
];

/// Types with identities, and the roles that are said to write them.
const TYPES: [(&str, &str); 12] = [
    ("Microsoft.Compute/virtualMachines", MACHINES),
    ("Microsoft.Compute/virtualMachineScaleSets", MACHINES),
    ("Microsoft.Web/sites", WEBSITES),
    ("Microsoft.ContainerInstance/containerGroups", "Azure Container Instances Contributor Role"),
    ("Microsoft.ContainerService/managedClusters", "Azure Kubernetes Service Contributor Role"),
    ("Microsoft.Logic/workflows", "Logic App Contributor"),
    ("Microsoft.ApiManagement/service", "API Management Service Contributor"),
    ("Microsoft.Automation/automationAccounts", "Automation Contributor"),
    ("Microsoft.DataFactory/factories", "Data Factory Contributor"),
    ("Microsoft.HybridCompute/machines", "Azure Connected Machine Resource Administrator"),
    ("Microsoft.EventHub/namespaces", "Azure Event Hubs Data Owner"),
    ("Microsoft.ServiceBus/namespaces", "Azure Service Bus Data Owner"),
];

#[test]
fn tn_03_the_roles_that_the_documents_name_do_what_is_said_of_them_and_no_more() {
    let mut matrix = String::from(
        "# The roles that the documents require, at a machine (m), its group (g), the identity (i) or another identity (o), and what each\n# call of their holder is answered. user: assign the user-assigned identity; user-off: take one away; id: an identity; grant: give a role.\n",
    );
    writeln!(matrix, "{:66}{}", "#", CALLS.map(|call| format!("{call:>10}")).concat()).unwrap();
    for roles in HOLDERS {
        let statuses =
            CALLS.map(|call| format!("{:>10}", Stage::new("Microsoft.Compute/virtualMachines").call(roles, call)));
        writeln!(matrix, "{:66}{}", named(roles), statuses.concat()).unwrap();
    }
    let of_types = ["read", "system", "user", "user+", "grant", "other"];
    writeln!(
        matrix,
        "# Types with identities and the role that writes them, at the resource. user+: with Managed Identity Operator at the identity beside\n# it; other: a resource of another type."
    )
    .unwrap();
    writeln!(matrix, "{:102}{}", "#", of_types.map(|call| format!("{call:>8}")).concat()).unwrap();
    for (type_name, role) in TYPES {
        let alone: &[(&str, At)] = &[(role, At::Workload)];
        let beside = &[(role, At::Workload), (OPERATOR, At::Identity)];
        let statuses = of_types.map(|call| {
            let stage = Stage::new(type_name);
            let status = match call {
                "user+" => stage.call(beside, "user"),
                call => stage.call(alone, call),
            };
            format!("{status:>8}")
        });
        writeln!(matrix, "{type_name:50} {role:50} {}", statuses.concat()).unwrap();
    }
    if std::env::var("MATRIX").is_ok_and(|mode| mode == "rewrite") {
        return std::fs::write(PATH, matrix).unwrap();
    }
    let known = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(known == matrix, "transcripts/roles-matrix.txt differs; now:\n{matrix}");
}

/// The sentences of the documents, beside the file: a rewritten matrix must still say them.
#[test]
fn tn_03_the_matrix_says_what_the_documents_say() {
    let matrix = std::fs::read_to_string(PATH).unwrap();
    let cell = |roles: &[(&str, At)], call: &str| {
        let line = matrix.lines().find(|line| line.starts_with(&format!("{:66}", named(roles)))).unwrap();
        let at = CALLS.iter().position(|known| *known == call).unwrap();
        line[66..].split_whitespace().nth(at).unwrap().to_owned()
    };
    for (roles, call, expected) in [
        // "You need write permissions over the resource … as in Virtual Machine Contributor."
        (HOLDERS[2], "system", "200"),
        (HOLDERS[3], "system", "200"),
        // "… in addition to the Managed Identity Operator role over the managed identity."
        (HOLDERS[2], "user", "403"),
        (HOLDERS[3], "user", "403"),
        (HOLDERS[4], "user", "403"),
        (HOLDERS[5], "user", "200"),
        (HOLDERS[6], "user", "403"),
        (HOLDERS[7], "user", "403"),
        // "At least Reader, at the machine or above, for operations of Resource Manager on the machine."
        (HOLDERS[1], "read", "200"),
        (HOLDERS[1], "system", "403"),
        (HOLDERS[0], "read", "403"),
    ] {
        assert_eq!(cell(roles, call), expected, "{} {call}", named(roles));
    }
    for (type_name, role) in TYPES {
        let line = matrix.lines().find(|line| line.starts_with(&format!("{type_name:50} {role}"))).unwrap();
        let cells: Vec<&str> = line[102..].split_whitespace().collect();
        assert_eq!(cells, ["200", "200", "403", "200", "403", "403"], "{line}");
    }
}

fn named(roles: &[(&str, At)]) -> String {
    let one = |(role, at): &(&str, At)| {
        let at = match at {
            At::Workload => "m",
            At::Group => "g",
            At::Identity => "i",
            At::OtherIdentity => "o",
        };
        format!("{role} ({at})")
    };
    if roles.is_empty() { "nothing".to_owned() } else { roles.iter().map(one).collect::<Vec<_>>().join(" + ") }
}

/// A cloud with a workload, whose group has no identities: those lie in another.
struct Stage {
    cloud: Cloud,
    workload: String,
    type_name: String,
    assigned: ManagedIdentity,
    identity: ManagedIdentity,
    other: ManagedIdentity,
}

impl Stage {
    fn new(type_name: &str) -> Self {
        let cloud = Cloud::new();
        let home = cloud.home.clone();
        cloud.make_group(&home, "rg");
        cloud.make_group(&home, "ids");
        let [assigned, identity, other] =
            ["assigned", "identity", "other"].map(|name| cloud.make_identity(&home, "ids", name));
        let workload = if type_name == "Microsoft.Compute/virtualMachines" {
            let Machine { id, .. } = cloud.make_machine(&home, "rg", "w", false, &[&assigned]);
            id.to_string()
        } else {
            let id = home.id("rg", type_name, "workload").to_string();
            let made = cloud.call(&home.operator, "PUT", &id, Some(&body(type_name)));
            assert!(made.status < 300, "{type_name}: {}", made.text);
            id
        };
        Self { cloud, workload, type_name: type_name.to_owned(), assigned, identity, other }
    }

    /// The status of a call of somebody with these roles.
    fn call(&self, roles: &[(&str, At)], call: &str) -> u16 {
        let home = &self.cloud.home;
        let person = self.cloud.application(home.tenant, "caller");
        let group = format!("{}/resourceGroups/rg", home.root());
        for (role, at) in roles {
            let scope = match at {
                At::Workload => &self.workload,
                At::Group => &group,
                At::Identity => self.identity.id.as_str(),
                At::OtherIdentity => self.other.id.as_str(),
            };
            self.cloud.grant(home, person.principal, role, scope);
        }
        self.ask(&person, call)
    }

    fn ask(&self, person: &Person, call: &str) -> u16 {
        let home = &self.cloud.home;
        let in_group = |type_name: &str| home.id("rg", type_name, "new").to_string();
        let users = |id: &str, value: Value| json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {id: value}}});
        let workload = self.workload.clone();
        let (method, path, body) = match call {
            "read" => ("GET", workload, None),
            "system" => ("PATCH", workload, Some(json!({"identity": {"type": "SystemAssigned"}}))),
            "user" => ("PATCH", workload, Some(users(self.identity.id.as_str(), json!({})))),
            "user-off" => ("PATCH", workload, Some(users(self.assigned.id.as_str(), Value::Null))),
            "tag" => ("PATCH", workload, Some(json!({"tags": {"a": "b"}}))),
            "start" => ("POST", format!("{workload}/start"), None),
            "delete" => ("DELETE", workload, None),
            "create" => ("PUT", in_group(&self.type_name), Some(body(&self.type_name))),
            "read-id" => ("GET", self.identity.id.to_string(), None),
            "make-id" => (
                "PUT",
                in_group("Microsoft.ManagedIdentity/userAssignedIdentities"),
                Some(json!({"location": "westeurope"})),
            ),
            "delete-id" => ("DELETE", self.other.id.to_string(), None),
            "roles" => ("GET", format!("{workload}/providers/Microsoft.Authorization/roleAssignments"), None),
            "grant" => {
                let name = "00000000-0000-4000-8000-000000000001";
                let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}");
                let body = json!({"properties": {"principalId": self.other.principal, "roleDefinitionId": role}});
                ("PUT", format!("{workload}/providers/Microsoft.Authorization/roleAssignments/{name}"), Some(body))
            }
            "lock" => {
                let lock = json!({"properties": {"level": "CanNotDelete"}});
                ("PUT", format!("{workload}/providers/Microsoft.Authorization/locks/l"), Some(lock))
            }
            "site" => ("PUT", in_group("Microsoft.Web/sites"), Some(json!({"location": "westeurope"}))),
            "other" => ("PUT", in_group("Microsoft.KeyVault/vaults"), Some(json!({"location": "westeurope"}))),
            other => panic!("no call '{other}'"),
        };
        self.cloud.call(person, method, &path, body.as_ref()).status
    }
}

/// A body that makes a resource of a type.
fn body(type_name: &str) -> Value {
    let mut body = json!({"location": "westeurope", "properties": {}});
    match type_name {
        "Microsoft.Compute/virtualMachines" => {
            body["properties"] = json!({"hardwareProfile": {"vmSize": "Standard_B1s"}})
        }
        "Microsoft.Compute/virtualMachineScaleSets" => body["sku"] = json!({"name": "Standard_B1s", "capacity": 1}),
        _ => {}
    }
    body
}
