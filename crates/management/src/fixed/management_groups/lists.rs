//! Lists of management groups and of what lies in them: of what the caller may read.

use super::show::{SUBSCRIPTION, head};
use super::tree::Tree;
use super::{READ, found, id_of, sent};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::{Access, denied};
use crate::outcome::Outcome;
use crate::page::{self, Cursor};
use bonafide_core::access::management_groups::{self, DELETE, WRITE};
use bonafide_core::access::{Chain, ScopeKey, chain_of_management_group};
use bonafide_core::directory::Subscription;
use bonafide_store::{Read, ReadTx, StoreError};
use bonafide_types::{MANAGEMENT_GROUP_TYPE, ManagementGroupUuid, ResourceUuid, SubscriptionId};
use serde_json::{Value, json};

const SUBSCRIPTION_READ: &str = "Microsoft.Resources/subscriptions/read";
const SUBSCRIPTION_WRITE: &str = "Microsoft.Resources/subscriptions/write";

/// The groups that the caller may read.
pub(super) fn groups(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let tree = Tree::read(tx, call.command.by.tenant)?;
    let mut items = Vec::new();
    for group in tree.groups() {
        if access.may(tx, &tree.chain(group), READ)? {
            items.push((of_group(group), head(call, &tree, group)));
        }
    }
    Ok(Outcome::shown(page::part(call, items)?))
}

/// All that lies in a group. Who may read the group may read what is in it: roles are inherited.
pub(super) fn descendants(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let group = found(call, access)?;
    let tree = Tree::read(tx, call.command.by.tenant)?;
    let parent = |group| json!({ "id": id_of(&tree.names(group).0) });
    let mut items = Vec::new();
    for inner in tree.groups().filter(|inner| *inner != group && tree.is_in(*inner, group)) {
        let mut shown = head(call, &tree, inner);
        shown["properties"]["parent"] = parent(tree.parent(inner).unwrap_or(group));
        items.push((of_group(inner), shown));
    }
    for (id, row) in &tree.subscriptions {
        let above = tree.parent_of(row);
        if tree.is_in(above, group) {
            let mut shown = of_subscription(*id, row);
            shown["properties"]["parent"] = parent(above);
            items.push((subscription(*id), shown));
        }
    }
    Ok(Outcome::shown(page::part(call, items)?))
}

/// The groups and subscriptions that the caller may read, with what it may do there.
pub(super) fn entities(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    for name in ["$filter", "$search", "$view", "groupName", "$skip"] {
        if call.command.query.get(name).is_some_and(|text| !text.is_empty()) {
            return Err(Fault::QueryInvalid(format!("'{name}' is not supported here: all entities are listed")));
        }
    }
    let tree = Tree::read(tx, call.command.by.tenant)?;
    let mut items = Vec::new();
    for group in tree.groups() {
        let permissions = permissions(tx, access, &tree.chain(group))?;
        if permissions == "noaccess" {
            continue;
        }
        let mut shown = head(call, &tree, group);
        let (child_groups, child_subscriptions) = (tree.groups_in(group).count(), tree.subscriptions_in(group).count());
        let properties = &mut shown["properties"];
        properties["numberOfDescendants"] = tree.descendants(group).into();
        properties["numberOfChildren"] = (child_groups + child_subscriptions).into();
        properties["numberOfChildGroups"] = child_groups.into();
        let above = tree.above(group);
        finish(tx, access, &tree, &mut shown, permissions, &above)?;
        items.push((of_group(group), shown));
    }
    for (id, row) in &tree.subscriptions {
        let chain = tree.chain_of(*id, row);
        let permissions = permissions(tx, access, &chain)?;
        if permissions == "noaccess" {
            continue;
        }
        let parent = tree.parent_of(row);
        let mut above = tree.above(parent);
        above.push(parent);
        let mut shown = of_subscription(*id, row);
        let properties = &mut shown["properties"];
        properties["tenantId"] = row.tenant.to_string().into();
        for number in ["numberOfDescendants", "numberOfChildren", "numberOfChildGroups"] {
            properties[number] = 0.into();
        }
        finish(tx, access, &tree, &mut shown, permissions, &above)?;
        items.push((subscription(*id), shown));
    }
    let count = items.len();
    let mut shown = page::part(call, items)?;
    shown["count"] = count.into();
    Ok(Outcome::shown(shown))
}

/// Adds to an entity what lies above it.
fn finish(
    tx: &impl Read,
    access: &Access,
    tree: &Tree,
    shown: &mut Value,
    permissions: &str,
    above: &[ManagementGroupUuid],
) -> Result<(), StoreError> {
    let names: Vec<(String, String)> = above.iter().map(|group| tree.names(*group)).collect();
    let inherited = match above.last() {
        Some(parent) => self::permissions(tx, access, &tree.chain(*parent))?,
        None => "noaccess",
    };
    let properties = &mut shown["properties"];
    if let Some((parent, _)) = names.last() {
        properties["parent"] = json!({ "id": id_of(parent) });
    }
    properties["permissions"] = permissions.into();
    properties["inheritedPermissions"] = inherited.into();
    properties["parentDisplayNameChain"] = names.iter().map(|(_, display_name)| display_name.as_str()).collect();
    properties["parentNameChain"] = names.iter().map(|(name, _)| name.as_str()).collect();
    Ok(())
}

/// The most that a caller may do at a group or subscription, in the words of the list of entities.
fn permissions(tx: &impl Read, access: &Access, chain: &Chain) -> Result<&'static str, StoreError> {
    let is_subscription = matches!(chain.scope(), ScopeKey::Subscription(_));
    let (delete, write, read) = match is_subscription {
        true => ("Microsoft.Resources/subscriptions/delete", SUBSCRIPTION_WRITE, SUBSCRIPTION_READ),
        false => (DELETE, WRITE, READ),
    };
    for (action, word) in [(delete, "delete"), (write, "edit"), (read, "view")] {
        if access.may(tx, chain, action)? {
            return Ok(word);
        }
    }
    Ok("noaccess")
}

/// Tells whether a group can have a name.
pub(super) fn check_name(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let tenant = call.command.by.tenant;
    // To others a name that is taken would tell of a group.
    if !access.may(tx, &chain_of_management_group(tx, tenant, None)?, READ)? {
        return Err(denied(call, READ, &id_of(&tenant.to_string())));
    }
    let body = call.body()?;
    let name = body.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| Fault::BodyInvalid("'name' is missing".to_owned()))?;
    let said = |reason: &str, message: String| json!({ "nameAvailable": false, "reason": reason, "message": message });
    let shown = match sent::check_name(name) {
        Err(fault) => said("Invalid", fault.parts().2),
        Ok(()) if management_groups::named(tx, tenant, name)?.is_some() => {
            said("AlreadyExists", "The group with the specified name already exists".to_owned())
        }
        Ok(()) => json!({ "nameAvailable": true }),
    };
    Ok(Outcome::shown(shown))
}

fn of_subscription(id: SubscriptionId, row: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"),
        "type": SUBSCRIPTION,
        "name": id.to_string(),
        "properties": { "displayName": row.display_name },
    })
}

/// The places of items in a list: groups come first.
fn of_group(group: ManagementGroupUuid) -> Cursor {
    (MANAGEMENT_GROUP_TYPE.to_ascii_lowercase(), ResourceUuid::new(group.uuid()))
}

fn subscription(id: SubscriptionId) -> Cursor {
    ("subscription".to_owned(), ResourceUuid::new(id.uuid()))
}
