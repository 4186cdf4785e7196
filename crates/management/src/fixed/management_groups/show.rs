//! One management group.

use super::tree::Tree;
use super::{found, id_of};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::conditions;
use crate::outcome::{Outcome, Shown};
use bonafide_core::directory::{MANAGEMENT_GROUP_LEVELS_MAX, MANAGEMENT_GROUPS, ManagementGroup};
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{MANAGEMENT_GROUP_TYPE, ManagementGroupUuid};
use serde_json::{Map, Value, json};

/// The type of a subscription that lies in a group. Source: the public examples of api-version 2021-04-01.
pub(super) const SUBSCRIPTION: &str = "/subscriptions";

/// The parts of a group that are shown when they are asked for.
#[derive(Debug, Clone, Copy, Default)]
struct Expand {
    children: bool,
    recurse: bool,
    path: bool,
    ancestors: bool,
}

/// Reads a group.
pub(super) fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let expand = expand(call)?;
    let uuid = found(call, access)?;
    let tree = Tree::read(tx, call.command.by.tenant)?;
    Ok(shown(call, &tree, uuid, expand))
}

pub(super) fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let Some(uuid) = access.place.management_group else { return Ok(None) };
    let row = tx.get(&MANAGEMENT_GROUPS, &(call.command.by.tenant, uuid))?;
    Ok(Some(tag(uuid, row.as_ref())))
}

/// The etag of a group; the root group, which has no row, has always the same. Source: ours; Azure has none.
fn tag(uuid: ManagementGroupUuid, row: Option<&ManagementGroup>) -> String {
    conditions::etag_of_version(uuid.uuid(), row.map_or(0, |row| row.version))
}

fn shown(call: &Call<'_>, tree: &Tree, uuid: ManagementGroupUuid, expand: Expand) -> Outcome {
    Outcome::Shown(Shown { body: show(call, tree, uuid, expand), etag: Some(tag(uuid, tree.row(uuid))) })
}

/// A group as a write answers with it.
pub(super) fn written(tx: &impl Read, call: &Call<'_>, uuid: ManagementGroupUuid) -> Result<Outcome, Fault> {
    let tree = Tree::read(tx, call.command.by.tenant)?;
    Ok(shown(call, &tree, uuid, Expand::default()))
}

fn expand(call: &Call<'_>) -> Result<Expand, Fault> {
    let query = &call.command.query;
    if query.get("$filter").is_some_and(|filter| !filter.is_empty()) {
        return Err(Fault::filter("management groups cannot be filtered here"));
    }
    let is_true = |name: &str| query.get(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let mut expand = Expand { recurse: is_true("$recurse"), ..Expand::default() };
    for word in query.get("$expand").unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            "children" => expand.children = true,
            "path" => expand.path = true,
            "ancestors" => expand.ancestors = true,
            _ => return Err(Fault::QueryInvalid("$expand is none of 'children', 'path' and 'ancestors'".to_owned())),
        }
    }
    if expand.recurse && !expand.children {
        return Err(Fault::QueryInvalid("$recurse is for $expand=children".to_owned()));
    }
    Ok(expand)
}

fn show(call: &Call<'_>, tree: &Tree, uuid: ManagementGroupUuid, expand: Expand) -> Value {
    let mut shown = head(call, tree, uuid);
    let mut details = Map::new();
    let (version, updated_at, updated_by) = match tree.row(uuid) {
        Some(row) => (row.version, row.updated_at.arm(), row.updated_by),
        None => (1, "0001-01-01T00:00:00.0000000Z".to_owned(), None),
    };
    details.insert("version".to_owned(), version.into());
    details.insert("updatedTime".to_owned(), updated_at.into());
    details.insert("updatedBy".to_owned(), updated_by.map(|id| id.to_string()).into());
    if let Some(parent) = tree.parent(uuid) {
        let (name, display_name) = tree.names(parent);
        let parent = json!({ "id": id_of(&name), "name": name, "displayName": display_name });
        details.insert("parent".to_owned(), parent);
    }
    let element = |group: ManagementGroupUuid| {
        let (name, display_name) = tree.names(group);
        json!({ "name": name, "displayName": display_name })
    };
    let above = tree.above(uuid);
    if expand.path {
        details.insert("path".to_owned(), above.iter().map(|group| element(*group)).collect());
    }
    if expand.ancestors {
        let names: Vec<String> = above.iter().rev().map(|group| tree.names(*group).0).collect();
        details.insert("managementGroupAncestors".to_owned(), names.into());
        let chain: Vec<Value> = above.iter().rev().map(|group| element(*group)).collect();
        details.insert("managementGroupAncestorsChain".to_owned(), chain.into());
    }
    shown["properties"]["details"] = Value::Object(details);
    if expand.children {
        let levels = if expand.recurse { MANAGEMENT_GROUP_LEVELS_MAX + 1 } else { 1 };
        shown["properties"]["children"] = children(tree, uuid, levels).into();
    }
    shown
}

/// A group as lists show it.
pub(super) fn head(call: &Call<'_>, tree: &Tree, uuid: ManagementGroupUuid) -> Value {
    let (name, display_name) = tree.names(uuid);
    json!({
        "id": id_of(&name),
        "type": MANAGEMENT_GROUP_TYPE,
        "name": name,
        "properties": { "tenantId": call.command.by.tenant.to_string(), "displayName": display_name },
    })
}

/// The groups and subscriptions in a group, and `levels` deep those in them.
fn children(tree: &Tree, uuid: ManagementGroupUuid, levels: usize) -> Vec<Value> {
    let groups = tree.groups_in(uuid).map(|group| {
        let (name, display_name) = tree.names(group);
        let inner = if levels > 1 { children(tree, group, levels - 1) } else { Vec::new() };
        let mut shown = json!({
            "id": id_of(&name), "type": MANAGEMENT_GROUP_TYPE, "name": name, "displayName": display_name,
        });
        if !inner.is_empty() {
            shown["children"] = inner.into();
        }
        shown
    });
    let subscriptions = tree.subscriptions_in(uuid).map(|(id, row)| {
        json!({
            "id": format!("/subscriptions/{id}"), "type": SUBSCRIPTION,
            "name": id.to_string(), "displayName": row.display_name,
        })
    });
    groups.chain(subscriptions).collect()
}
