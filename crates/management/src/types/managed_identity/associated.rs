//! `POST …/userAssignedIdentities/{name}/listAssociatedResources`: which resources have an identity.

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::place::chain_near;
use crate::order::read;
use crate::outcome::Outcome;
use crate::page;
use crate::types::kind_of;
use bonafide_core::directory::{RESOURCES, Resource, SUBSCRIPTIONS};
use bonafide_core::lifecycle::users_of;
use bonafide_store::{Read, ReadTx};
use serde_json::{Value, json};

/// Lists those that the caller may read; `$skip` and `$top` choose a part of them.
pub(super) fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (uuid, _) = read::existing(call, access)?;
    let top = page::read(call)?.top;
    let skip = match call.command.query.get("$skip").filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|_| Fault::QueryInvalid("$skip is not a number".to_owned()))?,
        None => 0,
    };
    let mut visible = Vec::new();
    for user in users_of(tx, *uuid)? {
        let Some(resource) = tx.get(&RESOURCES, &user)? else { continue };
        let Some(kind) = kind_of(&resource) else { continue };
        if access.may(tx, &chain_near(tx, &access.place.chain, user, &resource)?, &kind.right("read"))? {
            visible.push(resource);
        }
    }
    let total = visible.len();
    let value: Result<Vec<Value>, Fault> =
        visible.iter().skip(skip).take(top).map(|resource| show(tx, resource)).collect();
    Ok(Outcome::shown(json!({ "totalCount": total, "value": value? })))
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
