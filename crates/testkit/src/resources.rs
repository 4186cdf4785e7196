//! Making resources as an operator does, through the resource manager.

use crate::ask::{Answer, Ask};
use crate::cloud::{Cloud, Realm};
use crate::people::Person;
use crate::plane::Plane;
use bonafide_core::access::{Allowed, roles};
use bonafide_core::directory::{RESOURCES, Resource, ResourceIdentity, find};
use bonafide_core::lifecycle::{self, OnHost};
use bonafide_management::operations::OPERATIONS;
use bonafide_metadata::dialects::{APP_SERVICE, IMDS, VM_EXTENSION};
use bonafide_metadata::{Binding, Dialect, Endpoint};
use bonafide_store::Read;
use bonafide_types::{ClientId, HostId, ObjectId, OperationId, ResourceId, ResourceUuid};
use serde_json::{Value, json};

/// The type of virtual machines.
pub const MACHINE: &str = "Microsoft.Compute/virtualMachines";
/// The type of user-assigned identities.
pub const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
/// Rows written in one transaction.
const ROWS_AT_ONCE: usize = 200;
/// The location of all resources.
const LOCATION: &str = "westeurope";

/// The api-version that today's clients send, by namespace.
pub fn version(path: &str) -> &'static str {
    let has = |text: &str| path.to_ascii_lowercase().contains(text);
    if has("/microsoft.authorization/") {
        "2022-04-01"
    } else if has("/microsoft.managedidentity/") {
        "2024-11-30"
    } else if has("/microsoft.compute/") {
        "2024-11-01"
    } else {
        "2021-04-01"
    }
}

/// A user-assigned identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// Its ARM id.
    pub id: ResourceId,
    /// The object id of its service principal.
    pub principal: ObjectId,
    /// The id that it signs in with.
    pub client: ClientId,
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its ARM id.
    pub id: ResourceId,
    /// Its internal key, `vmId` on the wire.
    pub uuid: ResourceUuid,
    /// The object id of its system-assigned identity, if it has one.
    pub principal: Option<ObjectId>,
}

impl Realm {
    /// The ARM id of a resource in a group of this realm's subscription.
    pub fn id(&self, group: &str, type_name: &str, name: &str) -> ResourceId {
        ResourceId::of_group(self.subscription, group).unwrap().provider_child(type_name, name).unwrap()
    }

    /// `/subscriptions/…`.
    pub fn root(&self) -> String {
        format!("/subscriptions/{}", self.subscription)
    }
}

impl Plane {
    /// Puts, patches, reads or deletes a resource as somebody, with the api-version that clients use.
    #[track_caller]
    pub fn call(&self, person: &Person, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let sign = if path.contains('?') { '&' } else { '?' };
        let ask = Ask::new(method, &format!("{path}{sign}api-version={}", version(path)));
        self.manage(person, body.map_or(ask.clone(), |body| ask.json(body)))
    }

    /// Makes a resource group.
    #[track_caller]
    pub fn make_group(&self, realm: &Realm, name: &str) {
        let path = format!("{}/resourceGroups/{name}", realm.root());
        let made = self.call(&realm.operator, "PUT", &path, Some(&json!({"location": LOCATION})));
        assert!(made.status < 300, "{}", made.text);
    }

    /// Has the operator delete a group, and returns the operation, which is done.
    #[track_caller]
    pub fn make_operation(&self, realm: &Realm) -> OperationId {
        self.make_group(realm, "spare");
        let path = format!("{}/resourceGroups/spare", realm.root());
        let _ = self.call(&realm.operator, "DELETE", &path, None).expect(200);
        let rows = self.store.read(|tx| tx.page(&OPERATIONS, &realm.subscription, None, usize::MAX)).unwrap();
        rows.last().unwrap().0.1
    }

    /// Makes a user-assigned identity in a group that exists.
    #[track_caller]
    pub fn make_identity(&self, realm: &Realm, group: &str, name: &str) -> ManagedIdentity {
        let id = realm.id(group, IDENTITY, name);
        let made = self.call(&realm.operator, "PUT", id.as_str(), Some(&json!({"location": LOCATION}))).expect(201);
        ManagedIdentity {
            principal: made.text_at("/properties/principalId").parse().unwrap(),
            client: made.text_at("/properties/clientId").parse().unwrap(),
            id: ResourceId::parse(made.text_at("/id")).unwrap(),
        }
    }

    /// Makes a virtual machine in a group that exists.
    #[track_caller]
    pub fn make_machine(
        &self,
        realm: &Realm,
        group: &str,
        name: &str,
        system: bool,
        users: &[&ManagedIdentity],
    ) -> Machine {
        let id = realm.id(group, MACHINE, name);
        let mut body = json!({"location": LOCATION, "properties": {"hardwareProfile": {"vmSize": "Standard_B1s"}}});
        if let Some(identity) = identity_block(system, users) {
            body["identity"] = identity;
        }
        let made = self.call(&realm.operator, "PUT", id.as_str(), Some(&body)).expect(201);
        Machine {
            uuid: made.text_at("/properties/vmId").parse().unwrap(),
            principal: made.body["identity"]["principalId"].as_str().map(|id| id.parse().unwrap()),
            id: ResourceId::parse(made.text_at("/id")).unwrap(),
        }
    }

    /// Makes children of a machine, straight in the store, as an earlier version could have left them: more than it takes now.
    pub fn make_children(&self, machine: &Machine, count: usize) {
        let names: Vec<usize> = (0..count).collect();
        for names in names.chunks(ROWS_AT_ONCE) {
            self.change(|tx| {
                let parent = tx.get(&RESOURCES, &machine.uuid)?.unwrap();
                for name in names {
                    let id = ResourceId::parse(&format!("{}/extensions/e{name}", machine.id)).unwrap();
                    let mut child = Resource { id, parent: Some(machine.uuid), version: 1, ..parent.clone() };
                    child.identity = ResourceIdentity::default();
                    tx.create(&RESOURCES, &ResourceUuid::random(self.world().entropy), &child)?;
                }
                Ok(())
            });
        }
    }

    /// Gives somebody a built-in role at a scope (an ARM id) through the resource manager.
    #[track_caller]
    pub fn grant(&self, realm: &Realm, principal: ObjectId, role: &str, scope: &str) {
        let role = roles::by_name(role).unwrap_or_else(|| panic!("no role '{role}'")).id;
        let name = self.world().entropy.guid();
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
        let body = json!({"properties": {
            "principalId": principal,
            "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        }});
        let _ = self.call(&realm.operator, "PUT", &path, Some(&body)).expect(201);
    }
}

impl Cloud {
    /// Places a machine on the host, as a session there does.
    pub fn place(&self, id: &ResourceId) {
        self.place_on(self.local.id, id);
    }

    /// The same on another host.
    pub fn place_on(&self, host: HostId, id: &ResourceId) {
        self.change(|tx| {
            let (uuid, resource) = find(tx, id)?.unwrap();
            let system = Allowed::system(resource.tenant);
            let on = OnHost::of_all(&system, resource.tenant, host).unwrap();
            lifecycle::place(tx, &system, on, uuid, &resource).unwrap();
            Ok(())
        });
        self.round();
    }

    /// An endpoint of a workload as `http://169.254.169.254` is one.
    pub fn imds(&self, machine: &Machine) -> Binding {
        self.endpoint(machine, &IMDS, "")
    }

    /// An endpoint of a workload as App Service has one, with its secret.
    pub fn app_service(&self, machine: &Machine, secret: &str) -> Binding {
        self.endpoint(machine, &APP_SERVICE, secret)
    }

    /// An endpoint of a workload, with its secret in a dialect that has one. It answers to `169.254.169.254`; that of the
    /// virtual machine extension to `localhost:50342` and no other name.
    pub fn endpoint(&self, machine: &Machine, dialect: &'static Dialect, secret: &str) -> Binding {
        let secret = dialect.has_secret().then(|| secret.to_owned().into());
        let port = if std::ptr::eq(dialect, &raw const VM_EXTENSION) { 50_342 } else { 41_741 };
        Binding::new(machine.uuid, dialect, Endpoint { port, secret, ..Endpoint::default() })
    }

    /// Asks the metadata endpoint of a workload for a token; `more` is further query text, `&client_id=…`.
    pub fn workload_token(&self, machine: &Machine, resource: &str, more: &str) -> Answer {
        let target = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}{more}");
        let ask = Ask::new("GET", &target).header("host", "169.254.169.254").header("metadata", "true");
        self.metadata(&self.imds(machine), &ask).into()
    }
}

/// The identity block that asks for these identities; `None` for none.
pub(crate) fn identity_block(system: bool, users: &[&ManagedIdentity]) -> Option<Value> {
    let kind = match (system, users.is_empty()) {
        (false, true) => return None,
        (true, true) => "SystemAssigned",
        (false, false) => "UserAssigned",
        (true, false) => "SystemAssigned, UserAssigned",
    };
    let mut block = json!({"type": kind});
    if !users.is_empty() {
        let map = users.iter().map(|user| (user.id.to_string(), json!({}))).collect();
        block["userAssignedIdentities"] = Value::Object(map);
    }
    Some(block)
}
