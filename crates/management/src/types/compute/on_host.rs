//! `properties.host` of a machine: the host that it runs on. Naming another one takes `place/action` on that host beside
//! the write of the machine, and to take it from the one that it is on, `displace/action` there, as the actions of hosts do;
//! null takes it away; a write that leaves the member out leaves the machine where it is
//! (**ours**: Azure takes it away, but here a machine may have been put on its host by an action of the host).

use super::dedicated_hosts::HOST_TYPE;
use crate::fault::Fault;
use crate::order::linked::Link;
use crate::order::write::Write;
use crate::resource_type::{Stored, View};
use bonafide_core::directory::Resource;
use bonafide_core::lifecycle::{Move, OnHost, PLACE};
use bonafide_core::placement::resource_of;
use bonafide_types::{Excerpt, ResourceId, ResourceUuid};
use serde_json::{Map, Value, json};

/// The member. It is never stored with the body: a type that has it names it among its read-only members.
pub(crate) const HOST: &str = "host";

/// The right to take workloads from a host. **Ours.**
const DISPLACE: &str = "Microsoft.Compute/hostGroups/hosts/displace/action";

/// The host that a write asks for.
enum Asked {
    /// Nothing.
    Unsaid,
    /// None.
    Nowhere,
    /// This one.
    On(ResourceId),
}

fn asked(sent: &Map<String, Value>) -> Result<Asked, Fault> {
    let Some(Value::Object(properties)) = sent.get("properties") else { return Ok(Asked::Unsaid) };
    let mut named = properties.iter().filter(|(name, _)| name.eq_ignore_ascii_case(HOST));
    let host = match (named.next(), named.next()) {
        (None, _) => return Ok(Asked::Unsaid),
        (Some((_, Value::Null)), None) => return Ok(Asked::Nowhere),
        (Some((_, Value::Object(host))), None) => host,
        _ => return Err(invalid("it is one object with an 'id'")),
    };
    let mut ids = host.iter().filter(|(name, _)| name.eq_ignore_ascii_case("id"));
    match (ids.next(), ids.next()) {
        (Some((_, Value::String(id))), None) => host_id(id).map(Asked::On),
        _ => Err(invalid("it is one object with an 'id'")),
    }
}

/// The id of a host, as a body names it.
fn host_id(text: &str) -> Result<ResourceId, Fault> {
    let id = ResourceId::parse(text).ok().filter(|id| id.is_of(HOST_TYPE));
    id.ok_or_else(|| invalid(&format!("'{}' is not the id of one of {HOST_TYPE}", String::from(Excerpt::of(text)))))
}

fn invalid(rule: &str) -> Fault {
    Fault::PropertyInvalid { property: "properties.host", rule: rule.to_owned() }
}

/// The host that a write names, where the machine is not on it yet, and the one that it leaves.
pub(crate) fn links(write: &Write<'_, '_>) -> Result<Vec<Link>, Fault> {
    let named = match asked(write.sent)? {
        Asked::Unsaid => return Ok(Vec::new()),
        Asked::On(id) if is_on(write, &id)? => return Ok(Vec::new()),
        Asked::On(id) => Some(Link { id, right: PLACE.into(), is_changed: false }),
        Asked::Nowhere => None,
    };
    Ok(named.into_iter().chain(left(&*write.tx, write.uuid, &write.new)?).collect())
}

/// The host that a machine is on, for who takes it from there. One that is gone is asked nothing.
pub(super) fn left(tx: &dyn Stored, uuid: ResourceUuid, machine: &Resource) -> Result<Option<Link>, Fault> {
    let Some(host) = machine.host else { return Ok(None) };
    if !tx.is_placed(host, uuid)? {
        return Ok(None);
    }
    let there = tx.resource(resource_of(host))?;
    Ok(there.map(|there| Link { id: there.id, right: DISPLACE.into(), is_changed: false }))
}

/// True for a host that the machine is on. One that was made anew under the name is another.
fn is_on(write: &Write<'_, '_>, id: &ResourceId) -> Result<bool, Fault> {
    let Some(host) = write.new.host else { return Ok(false) };
    let there = write.tx.resource(resource_of(host))?;
    Ok(there.is_some_and(|there| there.id == *id) && write.tx.is_placed(host, write.uuid)?)
}

/// Takes down the host that a write asks for.
pub(crate) fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    write.moves = match (asked(write.sent)?, write.linked.first()) {
        (Asked::On(_), Some(linked)) => {
            let (uuid, host) = &linked.found;
            Some(Move::To(OnHost::by(&linked.allowed, *uuid, host)?))
        }
        (Asked::Nowhere, _) if write.new.host.is_some() => Some(Move::Away),
        _ => None,
    };
    Ok(())
}

/// Shows the host that a machine is on, in place of what an older version stored.
pub(crate) fn show(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    properties.shift_remove(HOST);
    if let Some(id) = of(view)? {
        properties.insert(HOST.to_owned(), json!({ "id": id.as_str() }));
    }
    Ok(())
}

fn of(view: &View<'_>) -> Result<Option<ResourceId>, Fault> {
    let Some(host) = view.resource.host else { return Ok(None) };
    if !view.tx.is_placed(host, view.uuid)? {
        return Ok(None);
    }
    match &view.resource.host_resource {
        Some(id) => Ok(Some(id.clone())),
        None => Ok(view.tx.resource(resource_of(host))?.map(|host| host.id)),
    }
}
