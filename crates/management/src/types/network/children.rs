//! Children that have a list in the body of their resource: subnets of a network, rules of a security group. Each is a
//! resource, with locks and roles of its own, and is written on either side; the list is made from them when it is shown.

use crate::fault::Fault;
use crate::order::conditions::etag_of_view;
use crate::order::locks::{self, Operation};
use crate::order::read::is_shown;
use crate::order::write::{NOT_STORED, Write};
use crate::resource_type::{Stored, View};
use crate::types::names;
use bonafide_core::access::for_every_reader;
use bonafide_core::directory::{Body, Resource};
use bonafide_core::lifecycle::{Budget, ChangedParent};
use bonafide_types::{Excerpt, ResourceId, ResourceUuid};
use serde_json::{Map, Value, json};

/// Children that one write of their resource makes, changes or takes away. Source: ours; a commit has 4,096 operations and
/// one that is made or taken away needs about 10.
const CHANGED_MAX: usize = 200;

/// The types of the children, with the list of each. Source: the operation groups of azure-mgmt-network 30 that write one
/// element of such a list.
const LISTS: [(&str, &[&str]); 4] = [
    ("Microsoft.Network/virtualNetworks", &["subnets", "virtualNetworkPeerings"]),
    ("Microsoft.Network/networkSecurityGroups", &["securityRules"]),
    ("Microsoft.Network/loadBalancers", &["inboundNatRules", "backendAddressPools"]),
    ("Microsoft.Network/routeTables", &["routes"]),
];

/// The lists of a resource.
fn lists(id: &ResourceId) -> impl Iterator<Item = (&'static str, String)> {
    let of_type = LISTS.iter().filter(|(of, _)| id.is_of(of));
    of_type.flat_map(|(of, lists)| lists.iter().map(move |list| (*list, format!("{of}/{list}"))))
}

/// Makes the children what the lists of a write say. A list that is left out leaves its children as they are.
pub(super) fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    for (list, type_name) in lists(&write.new.id.clone()) {
        match write.new.body.take_member(&["properties", list]) {
            None | Some(Value::Null) => {}
            Some(Value::Array(elements)) => follow(write, (list, &type_name), elements)?,
            Some(_) => return Err(Fault::BodyInvalid(format!("'properties.{list}' is not a list"))),
        }
    }
    Ok(())
}

/// The lists of a resource as it shows them.
pub(super) fn show(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    for (list, type_name) in lists(&view.resource.id) {
        let elements: Vec<Value> =
            view.tx.children(view.uuid, &type_name)?.iter().map(|child| element(child, &type_name)).collect();
        // The body has elements that an earlier version stored, until the next write.
        let stored = super::member(properties, list).and_then(Value::as_array_mut);
        match stored {
            Some(stored) => {
                stored
                    .retain(|old| !elements.iter().any(|new| is_named(old, new["name"].as_str().unwrap_or_default())));
                stored.extend(elements);
            }
            None => drop(properties.insert(list.to_owned(), Value::Array(elements))),
        }
    }
    Ok(())
}

fn is_named(element: &Value, name: &str) -> bool {
    element.get("name").and_then(Value::as_str).is_some_and(|other| other.eq_ignore_ascii_case(name))
}

/// A child as an element. None of these types has members that are not for every reader.
fn element((uuid, child): &(ResourceUuid, Resource), type_name: &str) -> Value {
    let seen = for_every_reader(child);
    let mut shown = json!({
        "name": child.id.name(),
        "id": child.id.as_str(),
        "etag": etag_of_view(*uuid, child, seen.is_partial),
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

/// Makes the children of a type what a list says.
fn follow(write: &mut Write<'_, '_>, (list, type_name): (&str, &str), elements: Vec<Value>) -> Result<(), Fault> {
    let (world, of) = (&write.call.cx.world, ChangedParent::by(write.allowed, write.uuid, &write.new)?);
    let mut there = write.tx.children(write.uuid, type_name)?;
    let (mut made, mut changed): (Vec<(ResourceId, Body)>, Vec<_>) = (Vec::new(), Vec::new());
    for element in elements {
        let (id, body) = read(&write.new.id, (list, type_name), element)?;
        match there.iter().position(|(_, child)| child.id == id) {
            Some(at) => {
                let child = there.swap_remove(at);
                if child.1.is_being_deleted() {
                    return Err(Fault::BeingDeleted(id));
                }
                changed.push((child, body));
            }
            None => made.push((id, body)),
        }
    }
    check_once(list, made.iter().map(|(id, _)| id).chain(changed.iter().map(|((_, child), _)| &child.id)))?;
    changed.retain(|((_, child), body)| child.body != *body);
    check_number(list, made.len() + changed.len() + there.len())?;
    let changing: Vec<ResourceUuid> = changed.iter().map(|((uuid, _), _)| *uuid).collect();
    let going: Vec<ResourceUuid> = there.iter().map(|(uuid, _)| *uuid).collect();
    locks::check_each(write.tx, &write.new, &changing, Operation::Write)?;
    locks::check_each(write.tx, &write.new, &going, Operation::Delete)?;
    let budget = &mut Budget::new(CHANGED_MAX);
    for uuid in going {
        if !of.remove(write.tx, world, uuid, budget)?.is_done() {
            return Err(too_many(list));
        }
    }
    for (child, body) in changed {
        of.change(write.tx, world, child, body)?;
    }
    for (to_come, (id, body)) in (1..=made.len() as u64).rev().zip(made) {
        of.add(write.tx, world, &write.new, (id, to_come), body)?;
    }
    Ok(())
}

/// The id and the body of an element.
fn read(above: &ResourceId, (list, type_name): (&str, &str), element: Value) -> Result<(ResourceId, Body), Fault> {
    let Value::Object(mut members) = element else {
        return Err(Fault::BodyInvalid(format!("'properties.{list}' has an element that is no object")));
    };
    let name = match members.get("name") {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        _ => return Err(Fault::BodyInvalid(format!("'properties.{list}' has an element without a name"))),
    };
    names::check(type_name, &name)?;
    let parsed = ResourceId::parse(&format!("{above}/{list}/{name}"));
    // A name with a slash would be that of something below.
    let id = parsed
        .ok()
        .filter(|id| id.is_of(type_name))
        .ok_or_else(|| Fault::BodyInvalid(format!("'{}' in 'properties.{list}' is not a name", Excerpt::of(&name))))?;
    members.retain(|name, _| !NOT_STORED.iter().any(|other| other.eq_ignore_ascii_case(name)));
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.retain(|name, _| !name.eq_ignore_ascii_case("provisioningState"));
    }
    let body = Body::kept(&id, members);
    Ok((id, body))
}

fn check_once<'a>(list: &str, ids: impl Iterator<Item = &'a ResourceId>) -> Result<(), Fault> {
    let mut seen = std::collections::HashSet::new();
    for id in ids {
        if !seen.insert(id.fold()) {
            let text = format!("'properties.{list}' has the name '{}' twice", Excerpt::of(id.name()));
            return Err(Fault::BodyInvalid(text));
        }
    }
    Ok(())
}

fn check_number(list: &str, changes: usize) -> Result<(), Fault> {
    if changes > CHANGED_MAX { Err(too_many(list)) } else { Ok(()) }
}

fn too_many(list: &str) -> Fault {
    let text = format!(
        "it changes more than {CHANGED_MAX} elements of 'properties.{list}': write the others by requests of their own"
    );
    Fault::BodyInvalid(text)
}
