//! Resources and resource groups. A resource is keyed by an internal uuid; its ARM id is an index,
//! so that a move changes index entries only.

use super::below::Below;
use super::body::{self, Body, bytes};
use super::extension::{Extension, ModelExtension};
use super::identity_block::{PrincipalRef, ResourceIdentity, is_zero};
use bonafide_store::{Absence, Cleaning, Index, Read, StoreError, Table, Unique};
use bonafide_types::{HostId, ResourceId, ResourceUuid, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The type of a resource group.
pub const GROUP_TYPE: &str = "Microsoft.Resources/subscriptions/resourceGroups";
/// The type of a user-assigned identity.
pub const IDENTITY_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
/// The type of a host, a machine that runs the agent.
pub const HOST_TYPE: &str = "Microsoft.Compute/hostGroups/hosts";
/// Bytes that a child counts for beside what it says: its type and its etag are shown with it. Source: ours.
const CHILD_BYTES: u64 = 256;
/// The last word of the types whose resources are extensions on the machine above them.
const EXTENSIONS: &str = "extensions";

/// A resource or a resource group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its ARM id, as it was written when it was made.
    pub id: ResourceId,
    /// The tenant that its subscription trusts.
    pub tenant: TenantId,
    /// Its resource group; `None` for a group and for what lies directly in a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<ResourceUuid>,
    /// The resource it is a child of or an extension on, other than its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ResourceUuid>,
    /// Its tags, names as written.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub tags: Map<String, Value>,
    /// Its identities.
    #[serde(default, skip_serializing_if = "ResourceIdentity::is_empty")]
    pub identity: ResourceIdentity,
    /// For a user-assigned identity: the service principal that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalRef>,
    /// For an instance of a scale set: the set, whose identities it has beside its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Membership>,
    /// For a scale set: the version at which its model changed last, to which instances are brought. 0 for all else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub model: u64,
    /// For a scale set: the number of instances that it has made, from which each gets a name that none had before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub instances_made: u64,
    /// Every other top-level member as sent, less its secrets.
    #[serde(serialize_with = "body::store", deserialize_with = "body::load")]
    pub body: Body,
    /// Running, for all but a machine that was switched off.
    #[serde(default, skip_serializing_if = "Power::is_running")]
    pub power: Power,
    /// For a machine: the host that it was put on for good. It stays when the host is gone, and says nothing then: the
    /// placement is gone with the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// The ARM id of that host, so that nobody has to read its row to show the machine. One that an earlier version put
    /// on its host has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_resource: Option<ResourceId>,
    /// For an extension: the token endpoint that it asks for on the machine above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
    /// For a scale set: the extension of its model. For an instance: that of the model which it has applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_extension: Option<Box<ModelExtension>>,
    /// The children that it shows, where they have been counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Box<Below>>,
    /// True while it is being deleted in steps: it takes nothing new.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
    /// Counts its writes.
    pub version: u64,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The time of the last write.
    pub changed_at: Timestamp,
}

/// The membership of an instance in a scale set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The set.
    pub set: ResourceUuid,
    /// The version of the set's model that the instance has: an identity that the set got later reaches it when it is
    /// brought to the latest model.
    pub model: u64,
}

/// The power of a machine. The identities of a stopped one are on no host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Power {
    /// It runs.
    #[default]
    Running,
    /// It is switched off and keeps its place.
    Stopped,
    /// It is switched off and has no place.
    Deallocated,
}

impl Power {
    /// True for a machine that runs, and for everything that is no machine.
    pub fn is_running(&self) -> bool {
        *self == Self::Running
    }
}

impl Resource {
    /// The subscription that it lies in.
    pub fn subscription(&self) -> Option<SubscriptionId> {
        self.id.subscription()
    }

    /// True while it is being deleted in steps. Groups of earlier versions say so in their body.
    pub fn is_being_deleted(&self) -> bool {
        self.deleting || self.body.says_deleting()
    }

    /// Bytes that it counts for among the children of the resource above it.
    pub fn bytes_below(&self) -> u64 {
        CHILD_BYTES + bytes::of_text(self.id.as_str()) + bytes::of_object(&self.tags) + self.body.bytes()
    }

    /// True for an extension on a machine, of whatever publisher.
    pub(crate) fn is_extension(&self) -> bool {
        self.id.last_type().is_some_and(|last| last.eq_ignore_ascii_case(EXTENSIONS))
    }

    /// The machine on which this extension is to serve tokens.
    pub(crate) fn machine_to_serve(&self) -> Option<ResourceUuid> {
        self.extension.and(self.parent).filter(|_| self.is_extension())
    }
}

/// Resources by their internal key.
pub const RESOURCES: Table<ResourceUuid, Resource> =
    Table::indexed("resource", Absence::Withholds, |_, resource, entries| {
        entries.unique(&RESOURCE_BY_ID, &resource.id.fold());
        let type_name = resource.id.type_name().fold();
        if let Some(group) = resource.group {
            entries.many(&RESOURCES_IN_GROUP, &(group, type_name.clone()));
        }
        if let Some(subscription) = resource.subscription() {
            entries.many(&RESOURCES_OF_TYPE, &(subscription, type_name));
        }
        if let Some(parent) = resource.parent {
            entries.many(&RESOURCES_BELOW, &parent);
        }
        if let Some(membership) = resource.set {
            entries.many(&INSTANCES_OF_SET, &membership.set);
        }
        if let Some(machine) = resource.machine_to_serve() {
            entries.unique(&EXTENSION_OF, &machine);
        }
        for assigned in resource.identity.assigned() {
            entries.many(&IDENTITY_USES, &assigned.identity);
        }
    });

/// Takes the secrets out of the resources that an older version stored, as every write does. Their versions stay: nobody
/// was shown what goes.
pub const WITHOUT_SECRETS: Cleaning<ResourceUuid, Resource> =
    Cleaning::new(&RESOURCES, |resource| resource.body.drop_secrets(&resource.id));

/// Resources by ARM id in lower case.
pub const RESOURCE_BY_ID: Unique<String, ResourceUuid> = Unique::new("resource-by-id");
/// Resources by group and type in lower case.
pub const RESOURCES_IN_GROUP: Index<(ResourceUuid, String), ResourceUuid> = Index::new("resource-in-group");
/// Resources by subscription and type in lower case.
pub const RESOURCES_OF_TYPE: Index<(SubscriptionId, String), ResourceUuid> = Index::new("resource-of-type");
/// The same entries as [`RESOURCES_IN_GROUP`], read for all types at once.
pub const RESOURCES_OF_GROUP: Index<ResourceUuid, (String, ResourceUuid)> = Index::new("resource-in-group");
/// The same entries as [`RESOURCES_OF_TYPE`], read for all types at once.
pub const RESOURCES_OF_SUBSCRIPTION: Index<SubscriptionId, (String, ResourceUuid)> = Index::new("resource-of-type");
/// Children of and extensions on a resource.
pub const RESOURCES_BELOW: Index<ResourceUuid, ResourceUuid> = Index::new("resource-below");
/// The instances of a scale set, in the order in which they were made.
pub const INSTANCES_OF_SET: Index<ResourceUuid, ResourceUuid> = Index::new("instance-of-set");
/// The resources that have a user-assigned identity in their own block.
pub const IDENTITY_USES: Index<ResourceUuid, ResourceUuid> = Index::new("identity-use");

/// The extension that serves tokens on a machine; there is one at most.
pub const EXTENSION_OF: Unique<ResourceUuid, ResourceUuid> = Unique::new("extension-of");

/// The resource with an ARM id, in any case.
pub fn find(tx: &impl Read, id: &ResourceId) -> Result<Option<(ResourceUuid, Resource)>, StoreError> {
    let Some(uuid) = tx.find(&RESOURCE_BY_ID, &id.fold())? else { return Ok(None) };
    Ok(tx.get(&RESOURCES, &uuid)?.map(|resource| (uuid, resource)))
}
