//! `POST …/userAssignedIdentities/{name}/listAssociatedResources`: which resources have an identity.

use crate::fault::Fault;
use crate::page;
use crate::pipeline::Input;
use crate::pipeline::access::Access;
use crate::pipeline::place::chain_of;
use crate::pipeline::read;
use crate::providers::{Kind, kind_of};
use bonafide_core::directory::{RESOURCES, Resource, SUBSCRIPTIONS};
use bonafide_core::lifecycle::users_of;
use bonafide_store::Read;
use bonafide_types::ResourceId;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Value, json};

/// Lists those that the caller may read; `$skip` and `$top` choose a part of them.
pub(crate) fn list(
    tx: &impl Read,
    input: &Input<'_>,
    access: &Access,
    id: &ResourceId,
    kind: &Kind,
) -> Result<Reply, Fault> {
    let (uuid, _) = read::existing(input, access, id, kind)?;
    let top = page::read(input)?.top;
    let skip = match input.query.get("$skip").filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|_| Fault::QueryInvalid("$skip is not a number".to_owned()))?,
        None => 0,
    };
    let mut visible = Vec::new();
    for user in users_of(tx, *uuid)? {
        let Some(resource) = tx.get(&RESOURCES, &user)? else { continue };
        let Some(kind) = kind_of(&resource) else { continue };
        if access.may(&chain_of(tx, user, &resource)?, &format!("{}/read", kind.name)) {
            visible.push(resource);
        }
    }
    let total = visible.len();
    let value: Result<Vec<Value>, Fault> =
        visible.iter().skip(skip).take(top).map(|resource| show(tx, resource)).collect();
    Ok(Reply::json(StatusCode::OK, &json!({ "totalCount": total, "value": value? })))
}

fn show(tx: &impl Read, resource: &Resource) -> Result<Value, Fault> {
    let subscription = resource.subscription();
    let row = match &subscription {
        Some(id) => tx.get(&SUBSCRIPTIONS, id)?,
        None => None,
    };
    Ok(json!({
        "id": resource.id.as_str(),
        "name": resource.id.name(),
        "type": resource.id.type_name().as_str(),
        "resourceGroup": resource.id.resource_group(),
        "subscriptionId": subscription.map(|id| id.to_string()),
        "subscriptionDisplayName": row.map(|row| row.display_name),
    }))
}
