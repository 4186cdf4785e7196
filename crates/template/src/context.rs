//! The facts about a deployment that expressions ask for before it begins.

use serde_json::{Map, Value, json};

/// The place of a deployment, and the deployment itself.
#[derive(Debug, Clone)]
pub struct Context {
    /// The tenant's id.
    pub tenant: String,
    /// The subscription.
    pub subscription: Subscription,
    /// The resource group.
    pub group: Group,
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its GUID.
    pub id: String,
    /// Its name.
    pub display_name: String,
}

/// A resource group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name, as it was made.
    pub name: String,
    /// Its location.
    pub location: String,
    /// Its tags.
    pub tags: Map<String, Value>,
    /// The resource that manages it.
    pub managed_by: Option<String>,
}

impl Context {
    /// The resource group's id.
    pub(crate) fn group_id(&self) -> String {
        self.id_of_group(&self.subscription.id, &self.group.name)
    }

    /// The id of a group, of another subscription perhaps.
    pub(crate) fn id_of_group(&self, subscription: &str, group: &str) -> String {
        format!("/subscriptions/{subscription}/resourceGroups/{group}")
    }

    /// `resourceGroup()`.
    pub(crate) fn resource_group(&self) -> Value {
        let Group { name, location, tags, managed_by } = &self.group;
        json!({
            "id": self.group_id(),
            "name": name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": location,
            "tags": tags,
            "managedBy": managed_by,
            "properties": { "provisioningState": "Succeeded" },
        })
    }

    /// `subscription()`.
    pub(crate) fn subscription(&self) -> Value {
        let Subscription { id, display_name } = &self.subscription;
        json!({
            "id": format!("/subscriptions/{id}"),
            "subscriptionId": id,
            "tenantId": self.tenant,
            "displayName": display_name,
        })
    }
}
