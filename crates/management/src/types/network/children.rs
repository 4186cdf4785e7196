//! Children that have a list in the body of their resource: subnets of a network, rules of a security group. Each is a
//! resource, with locks and roles of its own, and is written on either side; the list is made from them when it is shown.
//! What bounds them is `directory::Below`, which either side keeps.

use crate::fault::Fault;
use crate::order::conditions::etag_of_view;
use crate::order::locks::{self, Operation};
use crate::order::read::is_shown;
use crate::order::sent;
use crate::order::write::Write;
use crate::resource_type::{Kind, View};
use crate::types::{kind, names};
use bonafide_core::access::for_every_reader;
use bonafide_core::directory::{Body, FullError, List, RESOURCES, RESOURCES_BELOW, Resource, Shows};
use bonafide_core::lifecycle::{Budget, ChangedParent};
use bonafide_store::Read;
use bonafide_types::{Excerpt, ResourceId, ResourceUuid};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};

/// Children that one write of their resource makes, changes or takes away. Source: ours; a commit has 4,096 operations and
/// one that is made or taken away needs about 10.
const CHANGED_MAX: usize = 200;

/// The lists of a resource of this namespace, each with the type of its children.
fn lists(id: &ResourceId) -> impl Iterator<Item = (&'static List, String)> {
    let shows = Shows::of(id).filter(|shows| shows.is_written_above);
    shows.into_iter().flat_map(|shows| shows.lists.iter().map(|list| (list, format!("{}/{}", shows.of, list.name))))
}

/// Makes the children what the lists of a write say. A list that is left out leaves its children as they are.
pub(super) fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    for (list, type_name) in lists(&write.new.id.clone()) {
        match write.new.body.take_member(&["properties", list.name]) {
            None | Some(Value::Null) => {}
            Some(Value::Array(elements)) => {
                // Before anything is read for them.
                if u64::try_from(elements.len()).unwrap_or(u64::MAX) > list.max {
                    return Err(FullError::TooMany(write.new.id.clone(), list).into());
                }
                let asked = read(write, list.name, &type_name, elements)?;
                follow(write, list.name, asked)?;
            }
            Some(_) => return Err(Fault::BodyInvalid(format!("'properties.{}' is not a list", list.name))),
        }
    }
    Ok(())
}

/// The lists of a resource as it shows them.
pub(super) fn show(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    let mut shown: Vec<(&List, String, Vec<Value>)> =
        lists(&view.resource.id).map(|(list, type_name)| (list, type_name, Vec::new())).collect();
    if shown.is_empty() {
        return Ok(());
    }
    for uuid in view.tx.below(view.uuid)? {
        let Some(child) = view.tx.resource(uuid)? else { continue };
        if let Some((_, type_name, elements)) = shown.iter_mut().find(|(_, of, _)| child.id.is_of(of)) {
            elements.push(element((uuid, &child), type_name));
        }
    }
    for (list, _, elements) in shown {
        put_elements(properties, list.name, elements);
    }
    Ok(())
}

/// Puts a list in its place. The body has elements that an earlier version stored, until the next write.
fn put_elements(properties: &mut Map<String, Value>, list: &str, elements: Vec<Value>) {
    match super::member(properties, list).and_then(Value::as_array_mut) {
        Some(stored) => {
            let names: HashSet<String> = elements.iter().filter_map(name_of).collect();
            stored.retain(|old| name_of(old).is_none_or(|name| !names.contains(&name)));
            stored.extend(elements);
        }
        None => drop(properties.insert(list.to_owned(), Value::Array(elements))),
    }
}

fn name_of(element: &Value) -> Option<String> {
    element.get("name").and_then(Value::as_str).map(str::to_ascii_lowercase)
}

/// A child as an element. None of these types has members that are not for every reader.
fn element((uuid, child): (ResourceUuid, &Resource), type_name: &str) -> Value {
    let seen = for_every_reader(child);
    let mut shown = json!({
        "name": child.id.name(),
        "id": child.id.as_str(),
        "etag": etag_of_view(uuid, child, seen.is_partial),
        "type": type_name,
        "properties": {},
    });
    for (name, value) in seen.members.into_iter().filter(|(name, _)| is_shown(name)) {
        shown[name] = value;
    }
    if let Some(properties) = shown["properties"].as_object_mut() {
        properties.insert("provisioningState".to_owned(), "Succeeded".into());
    }
    shown
}

/// The changes that a list asks for.
struct Asked {
    made: Vec<(ResourceId, Body)>,
    changed: Vec<Changed>,
    going: Vec<ResourceUuid>,
}

/// A change of a child.
struct Changed {
    uuid: ResourceUuid,
    body: Body,
    grows: bool,
}

/// Compares a list with the children of its type.
fn read(write: &Write<'_, '_>, list: &str, type_name: &str, elements: Vec<Value>) -> Result<Asked, Fault> {
    let kind = type_name.parse().map_err(|_| Fault::NoSuchRoute).and_then(|name| kind(&name))?;
    let mut there = children(write, type_name)?;
    let mut asked = Asked { made: Vec::new(), changed: Vec::new(), going: Vec::new() };
    let mut seen = HashSet::new();
    for element in elements {
        let (id, members) = named(&write.new.id, (list, &kind), element)?;
        if !seen.insert(id.fold()) {
            let text = format!("'properties.{list}' has the name '{}' twice", Excerpt::of(id.name()));
            return Err(Fault::BodyInvalid(text));
        }
        let child = there.remove(&id.fold());
        let old = child.as_ref().map(|(_, old)| old);
        let body = sent::element(write.call, &kind, (&id, old), members)?;
        match child {
            Some((_, old)) if old.is_being_deleted() => return Err(Fault::BeingDeleted(id)),
            Some((_, old)) if old.body == body => {}
            Some((uuid, old)) => {
                asked.changed.push(Changed { uuid, grows: body.bytes() > old.body.bytes(), body });
            }
            None => asked.made.push((id, body)),
        }
    }
    // Smaller ones make room for the others.
    asked.changed.sort_by_key(|change| change.grows);
    asked.going = there.into_values().map(|(uuid, _)| uuid).collect();
    let changes = asked.made.len() + asked.changed.len() + asked.going.len();
    if changes > CHANGED_MAX { Err(too_many(list)) } else { Ok(asked) }
}

/// The children of a type, by id in lower case.
fn children(write: &Write<'_, '_>, type_name: &str) -> Result<BTreeMap<String, (ResourceUuid, Resource)>, Fault> {
    let mut found = BTreeMap::new();
    for uuid in write.tx.many(&RESOURCES_BELOW, &write.uuid, None, usize::MAX)? {
        if let Some(child) = write.tx.get(&RESOURCES, &uuid)?.filter(|child| child.id.is_of(type_name)) {
            found.insert(child.id.fold(), (uuid, child));
        }
    }
    Ok(found)
}

/// Makes the children what a list says.
fn follow(write: &mut Write<'_, '_>, list: &str, asked: Asked) -> Result<(), Fault> {
    let changing: Vec<ResourceUuid> = asked.changed.iter().map(|change| change.uuid).collect();
    locks::check_each(write.tx, &write.new, &changing, Operation::Write)?;
    locks::check_each(write.tx, &write.new, &asked.going, Operation::Delete)?;
    let world = &write.call.cx.world;
    let mut of = ChangedParent::by(write.allowed, write.uuid, &mut write.new)?;
    let budget = &mut Budget::new(CHANGED_MAX);
    for uuid in asked.going {
        if !of.remove(write.tx, world, uuid, budget)?.is_done() {
            return Err(too_many(list));
        }
    }
    for Changed { uuid, body, .. } in asked.changed {
        of.change(write.tx, world, uuid, body)?;
    }
    for (to_come, (id, body)) in (1..=asked.made.len() as u64).rev().zip(asked.made) {
        of.add(write.tx, world, (id, to_come), body)?;
    }
    Ok(())
}

/// The id of an element, and its members.
fn named(
    above: &ResourceId,
    (list, kind): (&str, &Kind),
    element: Value,
) -> Result<(ResourceId, Map<String, Value>), Fault> {
    let Value::Object(members) = element else {
        return Err(Fault::BodyInvalid(format!("'properties.{list}' has an element that is no object")));
    };
    let name = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("name"));
    let name = match name {
        Some((_, Value::String(name))) if !name.is_empty() => name,
        _ => return Err(Fault::BodyInvalid(format!("'properties.{list}' has an element without a name"))),
    };
    let id = above
        .child(list, name)
        .map_err(|_| Fault::BodyInvalid(format!("'{}' in 'properties.{list}' is not a name", Excerpt::of(name))))?;
    names::check(&kind.name, name)?;
    Ok((id, members))
}

fn too_many(list: &str) -> Fault {
    let text = format!(
        "it changes more than {CHANGED_MAX} elements of 'properties.{list}': write the others by requests of their own"
    );
    Fault::BodyInvalid(text)
}
