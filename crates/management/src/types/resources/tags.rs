//! `{scope}/providers/Microsoft.Resources/tags/default`: the tags of a subscription, group or resource, which who may
//! change nothing else of it may change with a right of its own.

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::place::check_open;
use crate::order::{audit, conditions, tags};
use crate::outcome::{Outcome, Shown};
use crate::resource_type::{Changes, Own, ResourceType, Rows};
use crate::types::authorization::role_assignments::check_scope;
use bonafide_core::access::Allowed;
use bonafide_core::directory::SUBSCRIPTION_TAGS;
use bonafide_core::lifecycle::{self, TagAction};
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{Excerpt, ResourceId, Scope};
use serde_json::{Map, Value, json};

const NAME: &str = "Microsoft.Resources/tags";

pub(crate) static TAGS: ResourceType = ResourceType {
    name: NAME,
    rows: Rows::Own(&Own {
        only: Some("default"),
        get: Some(get),
        changes: Some(Changes { etag, put: Some(put), patch: Some(patch), delete: Some(delete) }),
        ..Own::NOTHING
    }),
    ..ResourceType::PLAIN
};

type Tags = Map<String, Value>;

fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let id = tagged(call, access)?;
    Ok(shown(access, id, &current(tx, access, id)?))
}

fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let id = tagged(call, access)?;
    Ok(Some(tag(access, id, &current(tx, access, id)?)))
}

/// The etag of the tags of something; not that of the thing, which they are a part of. Source: ours; Azure has none.
fn tag(access: &Access, id: &ResourceId, tags: &Tags) -> String {
    match &access.place.found {
        Some((uuid, _)) => conditions::etag_of_content(&json!([uuid.uuid(), tags])),
        None => conditions::etag_of_content(&json!([id.subscription(), tags])),
    }
}

/// Puts the sent tags in place of all.
fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let sent = sent(call)?;
    change(tx, call, access, (allowed, TagAction::Write), |_| tags::check(&sent))
}

/// Merges the sent tags into those that are there, puts them in place of all, or takes them away.
fn patch(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let operation = operation(call.body()?)?;
    let sent = sent(call)?;
    change(tx, call, access, (allowed, TagAction::Write), |old| match operation {
        Operation::Replace => tags::check(&sent),
        Operation::Merge => tags::check(&merged(old, tags::check(&sent)?)),
        Operation::Delete => Ok(without(old, &sent)),
    })
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    change(tx, call, access, (allowed, TagAction::Delete), |_| Ok(Tags::new()))?;
    Ok(Outcome::Done)
}

/// Changes the tags of what the path names.
fn change(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    access: &Access,
    by: (&Allowed, TagAction),
    new: impl Fn(&Tags) -> Result<Tags, Fault>,
) -> Result<Outcome, Fault> {
    let id = tagged(call, access)?;
    let found = access.place.found.as_ref();
    let new = new(&current(tx, access, id)?)?;
    check_open(&access.place)?;
    match (found, id.subscription()) {
        (Some((uuid, row)), _) => {
            lifecycle::tag(tx, &call.cx.world, by, (*uuid, &mut row.clone()), new.clone())?;
        }
        (None, Some(subscription)) => {
            lifecycle::tag_subscription(tx, by, (access.place.chain.tenant(), subscription), &new)?;
        }
        (None, None) => return Err(Fault::NoSuchRoute),
    }
    audit::record(tx, call, by.1.right(), id.as_str())?;
    Ok(shown(access, id, &new))
}

/// The subscription, group or resource that the path names; it is there.
fn tagged<'a>(call: &Call<'a>, access: &Access) -> Result<&'a ResourceId, Fault> {
    let (scope, _) = call.own()?;
    check_scope(access, scope)?;
    match scope {
        Scope::Id(id) => Ok(id),
        Scope::Root | Scope::ManagementGroup(_) => Err(Fault::NoSuchRoute),
    }
}

fn current(tx: &impl Read, access: &Access, id: &ResourceId) -> Result<Tags, Fault> {
    match (&access.place.found, id.subscription()) {
        (Some((_, row)), _) => Ok(row.tags.clone()),
        (None, Some(subscription)) => Ok(tx.get(&SUBSCRIPTION_TAGS, &subscription)?.unwrap_or_default()),
        (None, None) => Err(Fault::NoSuchRoute),
    }
}

/// `properties.tags` of the body.
fn sent(call: &Call<'_>) -> Result<Tags, Fault> {
    let tags = call.body()?.get("properties").and_then(|properties| properties.get("tags"));
    let tags = tags.and_then(Value::as_object).cloned();
    tags.ok_or_else(|| Fault::BodyInvalid("'properties.tags' is missing or not an object".to_owned()))
}

/// The operations of a PATCH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Merge,
    Replace,
    Delete,
}

fn operation(body: &Map<String, Value>) -> Result<Operation, Fault> {
    let text = body.get("operation").and_then(Value::as_str).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "merge" => Ok(Operation::Merge),
        "replace" => Ok(Operation::Replace),
        "delete" => Ok(Operation::Delete),
        _ => {
            let text: String = Excerpt::of(text).into();
            Err(Fault::BodyInvalid(format!("'operation' is '{text}' and not one of Merge, Replace and Delete")))
        }
    }
}

/// The old tags with the new ones among them. A name in another case is the same name, and is written as it is now.
fn merged(old: &Tags, new: Tags) -> Tags {
    let mut tags = old.clone();
    tags.retain(|name, _| !new.keys().any(|other| other.eq_ignore_ascii_case(name)));
    tags.extend(new);
    tags
}

/// The old tags without those that are named: with a value, only if they have it.
fn without(old: &Tags, named: &Tags) -> Tags {
    let mut tags = old.clone();
    tags.retain(|name, value| {
        !named.iter().any(|(other, wanted)| {
            let any_value = wanted.is_null() || wanted.as_str().is_some_and(str::is_empty);
            other.eq_ignore_ascii_case(name) && (any_value || wanted == value)
        })
    });
    tags
}

fn shown(access: &Access, id: &ResourceId, tags: &Tags) -> Outcome {
    let body = json!({
        "id": format!("{id}/providers/{NAME}/default"),
        "name": "default",
        "type": NAME,
        "properties": { "tags": tags },
    });
    Outcome::Shown(Shown { body, etag: Some(tag(access, id, tags)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(value: Value) -> Tags {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_name_in_another_case_is_the_same_tag() {
        let old = tags(json!({"Team": "a", "env": "dev"}));
        assert_eq!(merged(&old, tags(json!({"team": "b"}))), tags(json!({"team": "b", "env": "dev"})));
        assert_eq!(without(&old, &tags(json!({"TEAM": "a", "ENV": "prod"}))), tags(json!({"env": "dev"})));
        assert_eq!(without(&old, &tags(json!({"team": "", "env": null}))), Tags::new());
    }
}
