//! Lists of stored resources: one page of those that the caller may read.

use super::access::Access;
use super::place::chain_near;
use super::wanted::Wanted;
use super::{api_version, read};
use crate::command::Call;
use crate::fault::Fault;
use crate::outcome::Outcome;
use crate::page::{self, Cursor, PAGE_BYTES_MAX};
use crate::resource_type::{Kind, Remembered};
use crate::types::{self, INSTANCE_TYPE};
use bonafide_core::access::Sights;
use bonafide_core::directory::{
    GROUP_TYPE, INSTANCES_OF_SET, RESOURCES, RESOURCES_BELOW, RESOURCES_IN_GROUP, RESOURCES_OF_GROUP,
    RESOURCES_OF_SUBSCRIPTION, RESOURCES_OF_TYPE, Resource, Shown,
};
use bonafide_store::{Read, ReadTx, StoreError};
use bonafide_types::{ResourceId, ResourceUuid, SubscriptionId};
use serde_json::Value;

/// Rows looked at for one page: a page of a caller who may read little is short, and has a next one.
const ROWS_PER_PAGE_MAX: usize = 5_000;
/// Rows read at once.
const ROWS_AT_ONCE: usize = 256;

/// The resources that a list is of.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Of one type, in a subscription.
    TypeInSubscription(SubscriptionId, String),
    /// Of one type, in a group.
    TypeInGroup(ResourceUuid, String),
    /// Of one type, below a resource.
    TypeBelow(ResourceUuid, String),
    /// Of every type, in a subscription.
    Subscription(SubscriptionId),
    /// Of every type, in a group.
    Group(ResourceUuid),
}

/// One page of the resources of a type that lie on or below an id.
pub(crate) fn of_type(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (id, kind) = call.resource()?;
    api_version::check(call, kind, None)?;
    let asked = Wanted::read(call)?;
    let source = source(access, id, kind)?;
    let wanted = |resource: &Resource| belongs(&source, resource) && asked.passes(resource);
    let items = Items { wanted, members: read::is_shown };
    let near = Remembered::new(tx);
    let more = derived(tx, call, access, kind, &asked)?;
    page_with(tx, call, access, &source, &items, more, |kind, uuid, resource, seen| {
        Ok(read::show(&near, call, kind, (uuid, resource), seen)?.body)
    })
}

/// The child of the listed type that is no row, where the caller may read all of the list and it is wanted.
fn derived(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    kind: &Kind,
    asked: &Wanted,
) -> Result<Option<Value>, Fault> {
    let above = access.place.found.as_ref();
    let derived = above.and_then(|(uuid, above)| (kind.of.derived)(*uuid, above));
    match derived.filter(|(_, row)| access.sees_all() && asked.passes(row)) {
        Some((uuid, row)) => Ok(Some(read::shown(tx, call, access, kind, (uuid, &row))?.body)),
        None => Ok(None),
    }
}

fn source(access: &Access, id: &ResourceId, kind: &Kind) -> Result<Source, Fault> {
    let fold = kind.name.to_ascii_lowercase();
    match (&access.place.group, &access.place.found, id.subscription()) {
        (_, _, Some(subscription)) if id.parent().is_none() => Ok(Source::TypeInSubscription(subscription, fold)),
        (None, _, _) if id.resource_group().is_some() => {
            Err(Fault::GroupNotFound(id.resource_group().unwrap_or_default().to_owned()))
        }
        (Some((group, row)), _, _) if row.id == *id => Ok(Source::TypeInGroup(*group, fold)),
        (_, Some((uuid, _)), _) => Ok(Source::TypeBelow(*uuid, fold)),
        _ => Err(Fault::ResourceNotFound(id.clone())),
    }
}

/// The items of a list.
pub(crate) struct Items<W> {
    /// True for a resource that is one.
    pub(crate) wanted: W,
    /// True for a member of its body that the list shows.
    pub(crate) members: fn(&str) -> bool,
}

/// One page of `source`: of the items among them, the ones that the caller may read, each as `show` prints it.
pub(crate) fn page(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    source: &Source,
    items: &Items<impl Fn(&Resource) -> bool>,
    show: impl Fn(&Kind, ResourceUuid, &Resource, Shown) -> Result<Value, Fault>,
) -> Result<Outcome, Fault> {
    page_with(tx, call, access, source, items, None, show)
}

/// The same with one that is no row, at the end of the last page.
fn page_with(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    source: &Source,
    items: &Items<impl Fn(&Resource) -> bool>,
    at_the_end: Option<Value>,
    show: impl Fn(&Kind, ResourceUuid, &Resource, Shown) -> Result<Value, Fault>,
) -> Result<Outcome, Fault> {
    let sights = Sights::new(tx, &access.grants, &access.place.chain);
    let asked = page::read(call)?;
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut after = asked.after;
    let mut shown = None;
    let mut rows = 0;
    let more = 'page: loop {
        let keys = keys(tx, source, after.as_ref(), ROWS_AT_ONCE)?;
        let last = keys.len() < ROWS_AT_ONCE;
        for key in keys {
            if rows == ROWS_PER_PAGE_MAX {
                break 'page true;
            }
            rows += 1;
            match item(tx, access, &sights, key.1, items, &show)? {
                // There is a next page when something is on it.
                Some(_) if found.len() == asked.top || bytes >= PAGE_BYTES_MAX => break 'page true,
                Some(item) => {
                    bytes += printed_bytes(&item);
                    found.push(item);
                    shown = Some(key.clone());
                }
                None => {}
            }
            after = Some(key);
        }
        if last {
            break false;
        }
    };
    if !more {
        found.extend(at_the_end);
    }
    // The key of a row tells its type and when it was made: that of a row that the caller may not read is in a link only
    // where a whole page has no other.
    let end = shown.or(after);
    Ok(Outcome::shown(page::list(call, found, end.as_ref().filter(|_| more))))
}

/// About how long an item is when it is printed: an escaped character is one, a number eight. To print each to know it
/// would print every page twice.
fn printed_bytes(item: &Value) -> usize {
    match item {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(elements) => elements.iter().map(|element| printed_bytes(element) + 1).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + 4 + printed_bytes(value)).sum::<usize>() + 2
        }
    }
}

fn item(
    tx: &impl Read,
    access: &Access,
    sights: &Sights<'_, impl Read>,
    uuid: ResourceUuid,
    items: &Items<impl Fn(&Resource) -> bool>,
    show: impl Fn(&Kind, ResourceUuid, &Resource, Shown) -> Result<Value, Fault>,
) -> Result<Option<Value>, Fault> {
    let Some(resource) = tx.get(&RESOURCES, &uuid)?.filter(|resource| (items.wanted)(resource)) else {
        return Ok(None);
    };
    let Some(kind) = types::kind_of(&resource) else { return Ok(None) };
    let chain = || chain_near(tx, &access.place.chain, uuid, &resource);
    if !access.sees_all() && !access.may(tx, &chain()?, &kind.right("read"))? {
        return Ok(None);
    }
    let seen = sights.show(&resource, &kind.name, chain, items.members)?;
    show(&kind, uuid, &resource, seen).map(Some)
}

/// The keys after a cursor. Where a source has one type only, the cursor's type says nothing.
fn keys(tx: &impl Read, source: &Source, after: Option<&Cursor>, limit: usize) -> Result<Vec<Cursor>, StoreError> {
    let uuid = after.map(|(_, uuid)| uuid);
    let alone = |keys: Vec<ResourceUuid>| keys.into_iter().map(|uuid| (String::new(), uuid)).collect();
    match source {
        Source::TypeInSubscription(id, name) => {
            tx.many(&RESOURCES_OF_TYPE, &(*id, name.clone()), uuid, limit).map(alone)
        }
        Source::TypeInGroup(group, name) => {
            tx.many(&RESOURCES_IN_GROUP, &(*group, name.clone()), uuid, limit).map(alone)
        }
        Source::TypeBelow(above, name) if is_instances(name) => {
            tx.many(&INSTANCES_OF_SET, above, uuid, limit).map(alone)
        }
        Source::TypeBelow(above, _) => tx.many(&RESOURCES_BELOW, above, uuid, limit).map(alone),
        Source::Subscription(id) => tx.many(&RESOURCES_OF_SUBSCRIPTION, id, after, limit),
        Source::Group(group) => tx.many(&RESOURCES_OF_GROUP, group, after, limit),
    }
}

/// True for the instances of a scale set, which of a flexible one are machines and no children.
fn is_instances(type_fold: &str) -> bool {
    type_fold.eq_ignore_ascii_case(INSTANCE_TYPE)
}

/// True when a row of `source` is of the list's type: groups are no resources, and below a resource there
/// can be several types.
pub(crate) fn belongs(source: &Source, resource: &Resource) -> bool {
    match source {
        Source::TypeBelow(_, name) => is_instances(name) || resource.id.is_of(name),
        Source::Subscription(_) => !resource.id.is_of(GROUP_TYPE),
        Source::TypeInSubscription(..) | Source::TypeInGroup(..) | Source::Group(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_item_is_about_as_long_as_it_is_printed() {
        let item = json!({"id": "/subscriptions/s", "tags": {"a": "b"}, "zones": ["1", "2"], "properties": {"size": 12345678, "on": true, "none": null}});
        let printed = item.to_string().len();
        let about = printed_bytes(&item);
        assert!(about.abs_diff(printed) * 10 < printed, "{about} of {printed}");
    }
}
