//! `Microsoft.Compute/virtualMachineScaleSets/extensions`: the list in the profile of a set, entry by entry. There is no
//! other place for it: a write of an entry is a write of the set, by a right of its own.

use super::extension::worst;
use super::{NAME as SET, SCALE_SETS};
use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::place::{Found, check_open};
use crate::order::write::{Part, part};
use crate::order::{api_version, conditions, read};
use crate::outcome::{Accepted, Begun, Outcome, Shown};
use crate::resource_type::{Changes, Kind, ListRight, Own, ResourceType, Rows};
use crate::types::compute::extensions::of_set::{LIST, at, entries, name_of};
use crate::types::compute::extensions::{member, word};
use bonafide_core::access::{Allowed, Sights};
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{ResourceId, Scope};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

const NAME: &str = "Microsoft.Compute/virtualMachineScaleSets/extensions";

pub(crate) static SET_EXTENSIONS: ResourceType = ResourceType {
    name: NAME,
    rows: Rows::Own(&Own {
        get: Some(get),
        head: Some(head),
        list: Some((ListRight::Granted, list)),
        changes: Some(Changes { etag, put: Some(put), patch: Some(put), delete: Some(delete) }),
        ..Own::NOTHING
    }),
    ..ResourceType::PLAIN
};

fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (id, name) = id_of(call)?;
    let found = set(call, access, "read")?;
    let seen = see(tx, access, found)?;
    let entry = find(&seen.entries, name).map(|at| &seen.entries[at]);
    let entry = entry.ok_or_else(|| Fault::absent(&id))?;
    Ok(Outcome::Shown(show(tx, call, found, &seen, entry)?))
}

fn head(_tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (id, name) = id_of(call)?;
    let (_, set) = set(call, access, "read")?;
    find(entries(&set.body), name).map(|_| Outcome::Nothing).ok_or_else(|| Fault::absent(&id))
}

fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let found = set(call, access, "read")?;
    let seen = see(tx, access, found)?;
    let named = seen.entries.iter().filter(|entry| name_of(entry).is_some());
    let all = named.map(|entry| Ok(show(tx, call, found, &seen, entry)?.body));
    Ok(Outcome::shown(json!({ "value": all.collect::<Result<Vec<_>, Fault>>()? })))
}

/// An entry has the etag of its set.
fn etag(_tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let (_, name) = id_of(call)?;
    let found = access.place.found.as_ref();
    Ok(found.filter(|(_, set)| find(entries(&set.body), name).is_some()).map(conditions::etag_of))
}

/// Writes an entry. What a PUT leaves out stays, as of an extension on a machine.
fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (id, name) = id_of(call)?;
    let found = set(call, access, "write")?;
    let old = entries(&found.1.body);
    let there = find(old, name);
    if there.is_none() && matches!(call.command.verb, Verb::Patch) {
        return Err(Fault::absent(&id));
    }
    check_open(&access.place)?;
    let mut new = old.to_vec();
    match there {
        Some(at) => new[at] = entry(call, &id, Some(&old[at]))?,
        None => new.push(entry(call, &id, None)?),
    }
    let (found, operation) = replace(tx, call, access, allowed, ("extensions/write", new))?;
    let seen = see(tx, access, &found)?;
    let entry = find(&seen.entries, name).map(|at| &seen.entries[at]).ok_or_else(|| Fault::absent(&id))?;
    let shown = show(tx, call, &found, &seen, entry)?;
    Ok(match (operation, there) {
        (Some(operation), there) => Outcome::Begun(Begun { shown, is_new: there.is_none(), operation }),
        (None, None) => Outcome::Created(shown),
        (None, Some(_)) => Outcome::Shown(shown),
    })
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (_, name) = id_of(call)?;
    let found = set(call, access, "delete")?;
    let old = entries(&found.1.body);
    let there = find(old, name);
    let Some(at) = there else { return Ok(Outcome::Nothing) };
    check_open(&access.place)?;
    let mut new = old.to_vec();
    new.remove(at);
    let (_, operation) = replace(tx, call, access, allowed, ("extensions/delete", new))?;
    Ok(operation.map_or(Outcome::Done, Outcome::Accepted))
}

/// The id of the entry that a call names, and its name.
fn id_of<'a>(call: &Call<'a>) -> Result<(ResourceId, &'a str), Fault> {
    let (scope, name) = call.own()?;
    let Scope::Id(set) = scope else { return Err(Fault::NoSuchRoute) };
    let id = ResourceId::parse(&format!("{set}/extensions/{name}"));
    Ok((id.map_err(|error| Fault::PathInvalid(error.to_string()))?, name))
}

/// The set that a call names.
fn set<'a>(call: &Call<'_>, access: &'a Access, verb: &str) -> Result<&'a Found, Fault> {
    let (scope, _) = call.own()?;
    let (Scope::Id(id), Some(kind)) = (scope, call.command.target.kind()) else { return Err(Fault::NoSuchRoute) };
    let found = access.place.found.as_ref().filter(|(_, row)| row.id.is_of(SET));
    api_version::check(call, kind, found)?;
    if let (Some(group), None) = (id.resource_group(), &access.place.group) {
        return Err(Fault::GroupNotFound(group.to_owned()));
    }
    found.ok_or_else(|| Fault::ParentNotFound {
        action: verb.to_owned(),
        parent: id.clone(),
        type_name: kind.name.to_string(),
    })
}

fn find(entries: &[Value], name: &str) -> Option<usize> {
    entries.iter().position(|entry| name_of(entry).is_some_and(|other| other.eq_ignore_ascii_case(name)))
}

/// The entry as it is to be stored.
fn entry(call: &Call<'_>, id: &ResourceId, old: Option<&Value>) -> Result<Value, Fault> {
    let sent = call.body()?;
    let mut sent = match member(sent, "properties") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(properties)) => properties.clone(),
        Some(_) => return Err(Fault::BodyInvalid("'properties' is not an object".to_owned())),
    };
    sent.retain(|name, _| !READ_ONLY.iter().any(|other| other.eq_ignore_ascii_case(name)));
    let old_properties = old.and_then(Value::as_object).and_then(|entry| member(entry, "properties"));
    let mut properties = old_properties.and_then(Value::as_object).cloned().unwrap_or_default();
    check_fixed(&properties, &sent)?;
    for (name, value) in sent {
        let keeps = value.is_null() && KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(&name));
        if keeps {
            continue;
        }
        properties.retain(|other, _| !other.eq_ignore_ascii_case(&name));
        if !value.is_null() {
            properties.insert(name, value);
        }
    }
    let name = old.and_then(name_of).unwrap_or(id.name());
    Ok(json!({ "name": name, "properties": properties }))
}

/// Members that clients send back and cannot set.
const READ_ONLY: [&str; 2] = ["provisioningState", "instanceView"];

/// Members that stay where null is sent.
const KEPT: [&str; 2] = ["settings", "typeHandlerVersion"];

/// An extension stays what it is: its settings would be those of another.
fn check_fixed(old: &Map<String, Value>, new: &Map<String, Value>) -> Result<(), Fault> {
    for (name, path) in [("publisher", "properties.publisher"), ("type", "properties.type")] {
        let text = |object| member(object, name).and_then(Value::as_str).map(str::trim);
        if let (Some(was), Some(is)) = (text(old), text(new))
            && !was.eq_ignore_ascii_case(is)
        {
            return Err(Fault::PropertyFixed { path });
        }
    }
    Ok(())
}

/// Puts another list in place of the set's, in the order of every write.
fn replace(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    access: &Access,
    allowed: &Allowed,
    (right, list): (&'static str, Vec<Value>),
) -> Result<(Found, Option<Accepted>), Fault> {
    let kind = Kind { name: Cow::Borrowed(SET), of: &SCALE_SETS };
    let sent = json!({ "properties": { "virtualMachineProfile": { "extensionProfile": { "extensions": list } } } });
    let Value::Object(sent) = sent else { return Err(Fault::NoSuchRoute) };
    part(tx, call, access, allowed, &Part { kind: &kind, right, sent: &sent })
}

/// The list as a caller sees it: of the set no more than the caller sees of that.
struct Seen {
    entries: Vec<Value>,
    is_partial: bool,
}

fn see(tx: &impl Read, access: &Access, (_, set): &Found) -> Result<Seen, Fault> {
    let chain = &access.place.chain;
    let sights = Sights::new(tx, &access.grants, chain);
    let seen = sights.show(set, SET, || Ok::<_, Fault>(chain.clone()), read::is_shown)?;
    let list = at(&seen.members, LIST).and_then(Value::as_array);
    let entries = list.cloned().unwrap_or_default();
    Ok(Seen { entries, is_partial: seen.is_partial })
}

/// An entry as its caller reads it.
fn show(tx: &impl Read, call: &Call<'_>, (uuid, set): &Found, seen: &Seen, entry: &Value) -> Result<Shown, Fault> {
    let properties = entry.as_object().and_then(|entry| member(entry, "properties")).and_then(Value::as_object);
    let mut properties = properties.cloned().unwrap_or_default();
    let name = name_of(entry).unwrap_or_default();
    let serves = set.model_extension.as_ref().is_some_and(|of_model| of_model.name.eq_ignore_ascii_case(name));
    let state = if serves { worst(tx, (*uuid, set), call.cx.world.now)? } else { None };
    properties.insert("provisioningState".to_owned(), word(state.as_ref(), set).into());
    let body = json!({
        "name": name,
        "id": format!("{}/extensions/{name}", set.id),
        "type": NAME,
        "properties": properties,
    });
    Ok(Shown { body, etag: Some(conditions::etag_of_view(*uuid, set, seen.is_partial)) })
}
