//! The subscriptions that lie in a management group.

use super::tree::Tree;
use super::write::refused;
use super::{found, id_of};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::{Access, denied};
use crate::order::place::{self, Place};
use crate::order::{conditions, locks};
use crate::outcome::{Outcome, Shown};
use crate::page;
use bonafide_core::access::management_groups::{self, MOVE_SUBSCRIPTION, PLACE, TAKE, WRITE};
use bonafide_core::access::{Allowed, Plane, chain_of_management_group, check};
use bonafide_core::directory::{SUBSCRIPTIONS, Subscription, root_group_of};
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{ManagementGroupUuid, ResourceId, ResourceUuid, Scope, SubscriptionId};
use serde_json::{Value, json};

/// Places a subscription in a group.
pub(super) fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let group = found(call, access)?;
    let (id, row) = asked(tx, call)?;
    move_to(tx, call, access, allowed, (id, &row), group, PLACE)?;
    shown(tx, call, group, id, &row)
}

/// Takes a subscription out of a group: it then lies in the root group. One that lies elsewhere is gone already.
pub(super) fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let group = found(call, access)?;
    let (id, row) = asked(tx, call)?;
    let root = root_group_of(row.tenant);
    if row.management_group != Some(group) {
        return Ok(Outcome::Nothing);
    }
    move_to(tx, call, access, allowed, (id, &row), root, TAKE)?;
    Ok(Outcome::Done)
}

/// Shows a subscription that lies in a group.
pub(super) fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let group = found(call, access)?;
    let (id, row) = asked(tx, call)?;
    if lies_in(&row) != group {
        return Err(Fault::SubscriptionNotFound(id));
    }
    shown(tx, call, group, id, &row)
}

/// The etag of a subscription in a group. Source: ours; Azure has none.
fn tag(group: ManagementGroupUuid, id: SubscriptionId) -> String {
    conditions::etag_of_content(&json!([group.uuid(), id]))
}

pub(super) fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let group = found(call, access)?;
    let (id, row) = asked(tx, call)?;
    Ok((lies_in(&row) == group).then(|| tag(group, id)))
}

/// The group in which a subscription lies.
fn lies_in(row: &Subscription) -> ManagementGroupUuid {
    row.management_group.unwrap_or_else(|| root_group_of(row.tenant))
}

fn shown(
    tx: &impl Read,
    call: &Call<'_>,
    group: ManagementGroupUuid,
    id: SubscriptionId,
    row: &Subscription,
) -> Result<Outcome, Fault> {
    Ok(Outcome::Shown(Shown { body: show(tx, call, group, id, row)?, etag: Some(tag(group, id)) }))
}

/// Lists the subscriptions that lie directly in a group.
pub(super) fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let group = found(call, access)?;
    let tree = Tree::read(tx, call.command.by.tenant)?;
    let mut items = Vec::new();
    for (id, row) in tree.subscriptions_in(group) {
        items.push(((String::new(), ResourceUuid::new(id.uuid())), show(tx, call, group, id, row)?));
    }
    Ok(Outcome::shown(page::part(call, items)?))
}

/// The subscription in the path, which must be the tenant's.
fn asked(tx: &impl Read, call: &Call<'_>) -> Result<(SubscriptionId, Subscription), Fault> {
    let id = call.named()?.subscription()?;
    let row = tx.get(&SUBSCRIPTIONS, &id)?.filter(|row| row.tenant == call.command.by.tenant);
    row.map(|row| (id, row)).ok_or(Fault::SubscriptionNotFound(id))
}

/// Moves a subscription. Its own locks hold it where it is (**ours**).
fn move_to(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    access: &Access,
    allowed: &Allowed,
    (id, row): (SubscriptionId, &Subscription),
    group: ManagementGroupUuid,
    action: &'static str,
) -> Result<(), Fault> {
    let scope = Scope::Id(ResourceId::of_subscription(id));
    let place: Place = place::locate(tx, call.cx, row.tenant, &scope)?;
    let refuse = |action: &'static str, scope: &str| denied(call, action, scope);
    let moves = check(tx, &access.grants, &place.chain, MOVE_SUBSCRIPTION, Plane::Control)?;
    let mut proofs = vec![allowed.clone(), moves.map_err(|_| refuse(MOVE_SUBSCRIPTION, &scope.to_string()))?];
    if let Some(from) = row.management_group.filter(|from| *from != group) {
        let chain = chain_of_management_group(tx, row.tenant, Some(from))?;
        let name = management_groups::name_of(tx, row.tenant, from)?.unwrap_or_default();
        let proof = check(tx, &access.grants, &chain, WRITE, Plane::Control)?;
        proofs.push(proof.map_err(|_| refuse(WRITE, &id_of(&name)))?);
    }
    locks::check_write(tx, call, &place)?;
    let moved = management_groups::place_subscription(tx, &proofs, (id, row), group);
    moved.map(drop).map_err(|error| refused(call, action, error))
}

fn show(
    tx: &impl Read,
    call: &Call<'_>,
    group: ManagementGroupUuid,
    id: SubscriptionId,
    row: &Subscription,
) -> Result<Value, Fault> {
    let name = management_groups::name_of(tx, call.command.by.tenant, group)?.unwrap_or_default();
    let group = id_of(&name);
    Ok(json!({
        "id": format!("{group}/subscriptions/{id}"),
        "type": "Microsoft.Management/managementGroups/subscriptions",
        "name": id.to_string(),
        "properties": {
            "tenant": row.tenant.to_string(),
            "displayName": row.display_name,
            "parent": { "id": group },
            "state": "Active",
        },
    }))
}
