//! `{scope}/providers/Microsoft.Authorization/roleDefinitions`.

use crate::command::Call;
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::resource_type::{ListRight, Own, ResourceType, Rows};
use bonafide_core::access::Permission;
use bonafide_core::access::roles::{self, Role};
use bonafide_store::ReadTx;
use bonafide_types::{RoleDefinitionId, Scope, SubscriptionId};
use serde_json::{Map, Value, json};

pub(crate) static ROLE_DEFINITIONS: ResourceType = ResourceType {
    name: "Microsoft.Authorization/roleDefinitions",
    rows: Rows::Own(&Own { get: Some(get), list: Some((ListRight::Granted, list)), ..Own::NOTHING }),
    ..ResourceType::PLAIN
};

/// Lists the role definitions that pass `$filter`, on one page as Azure does.
fn list(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let terms = filter::read(call.command.query.get("$filter"))?;
    for term in &terms {
        match term {
            Term::Equals(name, _) if ["rolename", "type"].contains(&name.as_str()) => {}
            Term::Call(name, _) if name == "atscopeandbelow" || name == "atscope" => {}
            other => return Err(other.unsupported()),
        }
    }
    let passes = |role: &&Role| {
        terms.iter().all(|term| match term {
            Term::Equals(name, value) if name == "rolename" => role.name.eq_ignore_ascii_case(value),
            Term::Equals(_, value) => value.eq_ignore_ascii_case("BuiltInRole"),
            Term::Differs(..) | Term::Call(..) => true,
        })
    };
    let subscription = subscription(call.own()?.0);
    let value: Vec<Value> = roles::all().iter().filter(passes).map(|role| show(subscription, role)).collect();
    Ok(Outcome::shown(json!({ "value": value })))
}

/// Reads one.
fn get(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let (scope, name) = call.own()?;
    let role =
        name.parse().ok().and_then(roles::by_id).ok_or_else(|| Fault::RoleNotFound(name.chars().take(64).collect()))?;
    Ok(Outcome::shown(show(subscription(scope), role)))
}

/// The id of a role definition as it is shown at a scope: in a subscription it is the subscription's, also
/// where the role is held above it. az finds a role's name by the exact text of its id
/// (docs/wire/management.md).
pub(crate) fn id_at(scope: &Scope, id: RoleDefinitionId) -> String {
    id_in(subscription(scope), id)
}

fn id_in(subscription: Option<SubscriptionId>, id: RoleDefinitionId) -> String {
    let above = subscription.map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    format!("{above}/providers/Microsoft.Authorization/roleDefinitions/{id}")
}

fn subscription(scope: &Scope) -> Option<SubscriptionId> {
    match scope {
        Scope::Root => None,
        Scope::Id(id) => id.subscription(),
    }
}

fn show(subscription: Option<SubscriptionId>, role: &Role) -> Value {
    let permissions: Vec<Value> = role.permissions.iter().map(permission).collect();
    json!({
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": permissions,
            // Built-in roles have no date of ours; this is what Azure prints for the oldest of them.
            "createdOn": "0001-01-01T08:00:00.0000000Z",
            "updatedOn": "0001-01-01T08:00:00.0000000Z",
            "createdBy": null,
            "updatedBy": null,
        },
        "id": id_in(subscription, role.id),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id.to_string(),
    })
}

/// One entry of a role's permissions.
pub(super) fn permission(permission: &Permission) -> Value {
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
        shown.insert("condition".to_owned(), condition.as_ref().into());
        shown.insert("conditionVersion".to_owned(), "2.0".into());
    }
    Value::Object(shown)
}
