//! A role definition as it is shown.

use bonafide_core::access::roles::Role;
use bonafide_core::access::{Assignable, CustomRole, Permission, ScopeKey};
use bonafide_core::directory::RESOURCES;
use bonafide_store::{Read, StoreError};
use bonafide_types::{RoleDefinitionId, Scope, SubscriptionId};
use serde_json::{Map, Value, json};

/// The id of a role definition as it is shown at a scope: in a subscription it is the subscription's, also
/// where the role is held above it. az finds a role's name by the exact text of its id
/// (docs/wire/management-access.md).
pub(in super::super) fn id_at(scope: &Scope, id: RoleDefinitionId) -> String {
    id_in(subscription(scope), id)
}

fn id_in(subscription: Option<SubscriptionId>, id: RoleDefinitionId) -> String {
    let above = subscription.map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    format!("{above}/providers/Microsoft.Authorization/roleDefinitions/{id}")
}

fn subscription(scope: &Scope) -> Option<SubscriptionId> {
    match scope {
        Scope::Root | Scope::ManagementGroup(_) => None,
        Scope::Id(id) => id.subscription(),
    }
}

/// A built-in role. It has no date of ours; the one here is what Azure prints for the oldest of them.
pub(super) fn built_in(at: &Scope, role: &Role) -> Value {
    let properties = json!({
        "roleName": role.name,
        "type": "BuiltInRole",
        "description": role.description,
        "assignableScopes": ["/"],
        "permissions": permissions(&role.permissions),
        "createdOn": "0001-01-01T08:00:00.0000000Z",
        "updatedOn": "0001-01-01T08:00:00.0000000Z",
        "createdBy": null,
        "updatedBy": null,
    });
    definition(at, role.id, properties)
}

/// A custom role.
pub(super) fn custom(tx: &impl Read, at: &Scope, id: RoleDefinitionId, role: &CustomRole) -> Result<Value, StoreError> {
    let mut scopes = Vec::new();
    for assignable in &role.assignable {
        scopes.push(id_now(tx, assignable)?);
    }
    let properties = json!({
        "roleName": role.name,
        "type": "CustomRole",
        "description": role.description,
        "assignableScopes": scopes,
        "permissions": permissions(&role.permissions),
        "createdOn": role.created_at.arm(),
        "updatedOn": role.updated_at.arm(),
        "createdBy": role.created_by.map(|id| id.to_string()),
        "updatedBy": role.updated_by.map(|id| id.to_string()),
    });
    Ok(definition(at, id, properties))
}

/// The id of an assignable scope; of one that is gone, the one that it had.
fn id_now(tx: &impl Read, assignable: &Assignable) -> Result<String, StoreError> {
    let resource = match assignable.scope {
        ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => tx.get(&RESOURCES, &uuid)?,
        ScopeKey::Root | ScopeKey::Subscription(_) | ScopeKey::ManagementGroup(_) => None,
    };
    Ok(resource.map_or_else(|| assignable.id.to_string(), |resource| resource.id.to_string()))
}

fn definition(at: &Scope, id: RoleDefinitionId, properties: Value) -> Value {
    json!({
        "properties": properties,
        "id": id_at(at, id),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": id.to_string(),
    })
}

fn permissions(of: &[Permission]) -> Vec<Value> {
    of.iter().map(permission).collect()
}

/// One entry of a role's permissions.
pub(in super::super) fn permission(permission: &Permission) -> Value {
    let mut shown = Map::new();
    for (name, patterns) in [
        ("actions", &permission.actions),
        ("notActions", &permission.not_actions),
        ("dataActions", &permission.data_actions),
        ("notDataActions", &permission.not_data_actions),
    ] {
        shown.insert(name.to_owned(), json!(patterns));
    }
    if let Some(condition) = &permission.condition {
        shown.insert("condition".to_owned(), condition.as_str().into());
        shown.insert("conditionVersion".to_owned(), "2.0".into());
    }
    Value::Object(shown)
}
