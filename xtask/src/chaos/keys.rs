//! The keys of the model as resources of the cloud under test, and where that is.

use super::model::Value;
use super::preload::Clock;
use crate::connection::{Answer, Target, tls_at};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// The tag that holds the number of the request that wrote a resource.
const NUMBER: &str = "n";
/// The group of all resources of the load.
pub(super) const GROUP: &str = "chaos";
/// The role of the probes. Source: the built-in role Reader.
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// The cloud under test, as `up --json` describes it.
pub(super) struct Cloud {
    pub(super) tenant: String,
    subscription: String,
    pub(super) client_id: String,
    pub(super) secret: String,
    /// The ARM id of the machine that the metadata endpoint belongs to.
    pub(super) machine: String,
    pub(super) public: Target,
    pub(super) metadata: Target,
}

impl Cloud {
    pub(super) fn read(info: &Json, clock: Clock) -> Result<Self, String> {
        let text = |pointer: &str| {
            let found = info.pointer(pointer).and_then(Json::as_str);
            found.map(str::to_owned).ok_or_else(|| format!("`up --json` does not say {pointer}"))
        };
        let origin = text("/endpoints/management")?;
        let port: u16 = origin.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or("the origin has no port")?;
        let metadata = text("/workloads/0/endpoint")?;
        let metadata =
            metadata.trim_start_matches("http://").parse().map_err(|error| format!("{metadata}: {error}"))?;
        let secret_file = text("/operator/secretFile")?;
        let secret = std::fs::read_to_string(&secret_file).map_err(|error| format!("{secret_file}: {error}"))?;
        let tls = tls_at(text("/caFile")?.as_ref(), None, Arc::new(clock)).map_err(|error| error.to_string())?;
        Ok(Self {
            tenant: text("/tenantId")?,
            subscription: text("/subscriptionId")?,
            client_id: text("/operator/clientId")?,
            secret: secret.trim().to_owned(),
            machine: text("/workloads/0/resourceId")?,
            public: Target { address: SocketAddr::from(([127, 0, 0, 1], port)), tls: Some(tls) },
            metadata: Target::plain(metadata),
        })
    }

    pub(super) fn group(&self, name: &str) -> Key {
        Key { kind: Kind::Group, id: format!("/subscriptions/{}/resourceGroups/{name}", self.subscription) }
    }

    fn in_group(&self, kind: Kind, type_name: &str, name: &str) -> Key {
        Key { kind, id: format!("{}/providers/{type_name}/{name}", self.group(GROUP).id) }
    }

    pub(super) fn machine(&self, name: &str) -> Key {
        self.in_group(Kind::Machine, MACHINES, name)
    }

    pub(super) fn identity(&self, name: &str) -> Key {
        self.in_group(Kind::Identity, IDENTITIES, name)
    }

    /// The role of Reader at a group, for a principal.
    pub(super) fn assignment(&self, group: &str, principal: &str) -> Key {
        // Its name is a GUID of its own for each group.
        let number = group.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let name = format!("c4a05000-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff);
        Key {
            kind: Kind::Assignment { principal: principal.to_owned() },
            id: format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", self.group(group).id),
        }
    }

    /// An identity at the machine of the metadata endpoint.
    pub(super) fn assigned_identity(&self, identity: &Key) -> Key {
        Key { kind: Kind::Assigned { identity: identity.id.clone() }, id: self.machine.clone() }
    }

    fn role(&self) -> String {
        format!("/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{READER}", self.subscription)
    }

    /// The lists of the resources of the load: path, version, and the kind of their members.
    pub(super) fn lists(&self) -> [(String, &'static str, Kind); 3] {
        let of_group = |type_name| format!("{}/providers/{type_name}", self.group(GROUP).id);
        [
            (format!("/subscriptions/{}/resourceGroups", self.subscription), GROUPS_VERSION, Kind::Group),
            (of_group(MACHINES), MACHINES_VERSION, Kind::Machine),
            (of_group(IDENTITIES), IDENTITIES_VERSION, Kind::Identity),
        ]
    }
}

const MACHINES: &str = "Microsoft.Compute/virtualMachines";
const IDENTITIES: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const GROUPS_VERSION: &str = "2021-04-01";
const MACHINES_VERSION: &str = "2024-11-01";
const IDENTITIES_VERSION: &str = "2024-11-30";
const ASSIGNMENTS_VERSION: &str = "2022-04-01";

/// The kind of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Group,
    Machine,
    Identity,
    Assignment {
        principal: String,
    },
    /// A user-assigned identity at a machine.
    Assigned {
        identity: String,
    },
}

/// A key of the model: a resource, or an identity at one.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) id: String,
}

impl Key {
    /// Its name in the model; ARM ids have no case.
    pub(super) fn name(&self) -> String {
        let identity = match &self.kind {
            Kind::Assigned { identity } => format!(" with {identity}"),
            _ => String::new(),
        };
        format!("{}{identity}", self.id).to_ascii_lowercase()
    }

    pub(super) fn version(&self) -> &'static str {
        match self.kind {
            Kind::Group => GROUPS_VERSION,
            Kind::Machine | Kind::Assigned { .. } => MACHINES_VERSION,
            Kind::Identity => IDENTITIES_VERSION,
            Kind::Assignment { .. } => ASSIGNMENTS_VERSION,
        }
    }

    /// The value that writing a number leaves: not every kind holds one.
    pub(super) fn value(&self, number: u64) -> Value {
        match self.kind {
            Kind::Assignment { .. } | Kind::Assigned { .. } => Value::Present(0),
            _ => Value::Present(number),
        }
    }

    /// The body of the PUT (of an assigned identity, the PATCH) that writes a number.
    pub(super) fn body(&self, cloud: &Cloud, number: u64) -> Json {
        let mut tags = json!({});
        tags[NUMBER] = json!(number.to_string());
        match &self.kind {
            Kind::Group | Kind::Identity => json!({ "location": "westeurope", "tags": tags }),
            Kind::Machine => json!({
                "location": "westeurope", "tags": tags, "identity": { "type": "SystemAssigned" }, "properties": {},
            }),
            Kind::Assignment { principal } => json!({ "properties": {
                "roleDefinitionId": cloud.role(), "principalId": principal, "principalType": "ServicePrincipal",
            }}),
            Kind::Assigned { identity } => assigned(identity, &json!({})),
        }
    }

    /// The body of the PATCH that changes the tags alone, of kinds that have them.
    pub(super) fn patch(&self, number: u64) -> Option<Json> {
        let mut tags = json!({});
        tags[NUMBER] = json!(number.to_string());
        matches!(self.kind, Kind::Group | Kind::Machine | Kind::Identity).then(|| json!({ "tags": tags }))
    }

    /// The body of the PATCH that takes an identity away.
    pub(super) fn taken_away(&self) -> Option<Json> {
        match &self.kind {
            Kind::Assigned { identity } => Some(assigned(identity, &Json::Null)),
            _ => None,
        }
    }

    /// The value that an answer to GET tells; an error when it tells none.
    pub(super) fn read(&self, answer: &Answer) -> Result<Value, String> {
        if answer.status == 404 {
            return Ok(Value::Absent);
        }
        let body = answer.json().map_err(|error| error.to_string())?;
        match &self.kind {
            Kind::Assignment { principal } if body["properties"]["principalId"] == principal.as_str() => {
                let role = body["properties"]["roleDefinitionId"].as_str().unwrap_or_default();
                role.ends_with(READER).then_some(Value::Present(0)).ok_or_else(|| format!("it grants {role}"))
            }
            Kind::Assignment { .. } => Err(format!("it is another principal's: {body}")),
            Kind::Assigned { identity } => {
                let identities = body["identity"]["userAssignedIdentities"].as_object();
                let has = identities.is_some_and(|all| all.keys().any(|id| id.eq_ignore_ascii_case(identity)));
                Ok(if has { Value::Present(0) } else { Value::Absent })
            }
            _ => number(&body),
        }
    }
}

/// A change of the identities of a machine that keeps its own.
fn assigned(identity: &str, to: &Json) -> Json {
    let mut identities = json!({});
    identities[identity] = to.clone();
    // A machine with nothing but an identity of its own says so in its type.
    let kind = if to.is_null() { "SystemAssigned" } else { "SystemAssigned, UserAssigned" };
    let identities = if to.is_null() { Json::Null } else { identities };
    json!({ "identity": { "type": kind, "userAssignedIdentities": identities } })
}

/// The number in the tags of a resource; one whose deletion goes on is as good as gone.
pub(super) fn number(resource: &Json) -> Result<Value, String> {
    if resource["properties"]["provisioningState"] == "Deleting" {
        return Ok(Value::Absent);
    }
    let text = resource["tags"][NUMBER].as_str();
    let number = text.and_then(|text| text.parse().ok()).map(Value::Present);
    number.ok_or_else(|| format!("it has no number: {resource}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Json) -> Answer {
        Answer { status, body: body.to_string().into_bytes() }
    }

    #[test]
    fn a_key_is_read_as_the_number_that_wrote_it_or_not_at_all() {
        let group = Key { kind: Kind::Group, id: "/subscriptions/s/resourceGroups/g".to_owned() };
        assert_eq!(group.read(&answer(404, &json!({}))), Ok(Value::Absent));
        assert_eq!(group.read(&answer(200, &json!({ "tags": { "n": "7" } }))), Ok(Value::Present(7)));
        let deleting = json!({ "tags": { "n": "7" }, "properties": { "provisioningState": "Deleting" } });
        assert_eq!(group.read(&answer(200, &deleting)), Ok(Value::Absent));
        for damaged in [json!({}), json!({ "tags": {} }), json!({ "tags": { "n": "seven" } })] {
            assert!(group.read(&answer(200, &damaged)).is_err());
        }
        assert!(group.read(&answer(503, &json!({}))).is_err());
    }

    #[test]
    fn a_role_that_grants_more_is_no_value() {
        let kind = Kind::Assignment { principal: "p".to_owned() };
        let role = Key { kind, id: "/a".to_owned() };
        let of = |principal: &str, role: &str| json!({ "properties": { "principalId": principal, "roleDefinitionId": role } });
        assert_eq!(role.read(&answer(200, &of("p", &format!("/x/{READER}")))), Ok(Value::Present(0)));
        assert!(role.read(&answer(200, &of("p", "/x/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"))).is_err());
        assert!(role.read(&answer(200, &of("q", &format!("/x/{READER}")))).is_err());
    }
}
