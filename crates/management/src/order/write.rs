//! PUT and PATCH of a resource of any type, groups too, and the actions that change one: the order in which
//! a write is checked, and each step of it.

use super::access::Access;
use super::body::BodyError;
use super::linked::Linked;
use super::place::{Found, Place, check_above, check_open};
use super::{api_version, audit, conditions, derived, linked, locks, nested, read, sent, tags, unserved};
use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::identity_block;
use crate::operations;
use crate::outcome::{Accepted, Begun, Outcome, StatusAddress};
use crate::registration;
use crate::resource_type::{Absent, Beside, Created, Kind, Run};
use crate::types::{GROUP_TYPE, IDENTITY_TYPE, location_of, names};
use bonafide_core::access::Allowed;
use bonafide_core::directory::{Body, Change, Power, Resource, ResourceIdentity};
use bonafide_core::lifecycle::{self, Move};
use bonafide_store::Tx;
use bonafide_types::{ResourceId, ResourceUuid};
use serde_json::{Map, Value, json};

/// Members of a body that are stored elsewhere, or are not the caller's to say.
pub(crate) const NOT_STORED: [&str; 7] = ["id", "name", "type", "tags", "identity", "etag", "systemData"];

/// A write on its way through the steps.
pub(crate) struct Write<'a, 'tx> {
    pub(crate) tx: &'a mut Tx<'tx>,
    pub(crate) call: &'a Call<'a>,
    pub(crate) access: &'a Access,
    pub(crate) allowed: &'a Allowed,
    pub(crate) kind: &'a Kind,
    /// The right that allowed it, without the type: `write`, an action's, or that of a part of the resource.
    pub(crate) right: &'static str,
    /// The body as it was sent; empty for an action.
    pub(crate) sent: &'a Map<String, Value>,
    pub(crate) uuid: ResourceUuid,
    /// The resource as it is.
    pub(crate) old: Option<&'a Resource>,
    /// The resource as it is to be.
    pub(crate) new: Resource,
    /// The change of its identities.
    pub(crate) change: Option<Change>,
    /// The other resources that it involves, in the order in which its type or action names them.
    pub(crate) linked: Vec<Linked>,
    /// The host that the machine is to be on from now on.
    pub(crate) moves: Option<Move>,
    /// An operation that goes on with it, or has failed to; the resource is stored either way.
    pub(crate) begins: Option<operations::Begun>,
}

impl<'a, 'tx> Write<'a, 'tx> {
    fn begin(
        tx: &'a mut Tx<'tx>,
        call: &'a Call<'a>,
        (access, allowed): (&'a Access, &'a Allowed),
        (kind, right): (&'a Kind, &'static str),
        sent: &'a Map<String, Value>,
        (uuid, old, new): (ResourceUuid, Option<&'a Resource>, Resource),
    ) -> Self {
        let (change, linked, moves, begins) = (None, Vec::new(), None, None);
        Self { tx, call, access, allowed, kind, right, sent, uuid, old, new, change, linked, moves, begins }
    }

    /// The proof that the caller may write the resource.
    pub(crate) fn proof(&self) -> Result<Allowed, Fault> {
        match self.right {
            "write" => Ok(self.allowed.clone()),
            right => Ok(self.allowed.as_write(&self.kind.name, right)?),
        }
    }
}

/// Creates, replaces or changes a resource: THE order of every write. Access was checked before, in the
/// same transaction (`access::enter`).
pub(crate) fn resource(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (id, kind) = call.resource()?;
    let found = access.place.found.as_ref();
    api_version::check(call, kind, found)?;
    registration::check(&access.place, &kind.name)?;
    check_above(&access.place, id, kind, "write")?;
    let old = found.map(|(_, old)| old);
    if old.is_none() && !matches!(call.command.verb, Verb::Put) {
        return Err(Fault::absent(id));
    }
    let none = Map::new();
    let sent = if matches!(call.command.verb, Verb::Action(_)) { &none } else { call.body()? };
    conditions::check(&call.command.conditions, || found.map(conditions::etag_of))?;
    locks::check_write(tx, call, &access.place)?;
    derived::check(tx, &access.place, id, kind, "write")?;
    let (uuid, new) = match found {
        Some((uuid, old)) => (*uuid, old.clone()),
        None => create(call, &access.place, id, kind)?,
    };
    let right = call.action().map_or("write", |action| action.right);
    let write = &mut Write::begin(tx, call, (access, allowed), (kind, right), sent, (uuid, old, new));
    match call.command.verb {
        Verb::Action(action) => {
            check_open(&access.place)?;
            if let Run::Beside(beside_it) = action.run {
                return beside(write, beside_it);
            }
            action.change(write)?;
        }
        _ => change(write)?,
    }
    save(write)
}

/// Runs an action that leaves its resource as it is.
fn beside(write: &mut Write<'_, '_>, action: &Beside) -> Result<Outcome, Fault> {
    let links = (action.links)(write)?;
    linked::check_others(write, links)?;
    let right = write.kind.right(write.right);
    write.access.confirm(write.call, write.allowed, &right)?;
    let answer = (action.run)(write)?;
    audit::record(write.tx, write.call, &right, write.new.id.as_str())?;
    Ok(Outcome::shown(answer))
}

/// The part of a resource that a call is about, where that has a path and a right of its own.
pub(crate) struct Part<'a> {
    /// The type of the resource.
    pub(crate) kind: &'a Kind,
    /// The right to write the part, without the type.
    pub(crate) right: &'static str,
    /// The members of the resource that are to be: what a PATCH of it would send.
    pub(crate) sent: &'a Map<String, Value>,
}

/// Changes a part of a resource that is there, as a PATCH of the resource would, by the right to the part. Access and
/// locks were checked before, in the same transaction; the path, the version and the conditions are the part's own.
pub(crate) fn part(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    access: &Access,
    allowed: &Allowed,
    part: &Part<'_>,
) -> Result<(Found, Option<Accepted>), Fault> {
    let Some((uuid, old)) = access.place.found.as_ref() else { return Err(Fault::NoSuchRoute) };
    let (uuid, new, &Part { kind, right, sent }) = (*uuid, old.clone(), part);
    registration::check(&access.place, &kind.name)?;
    let old = Some(old);
    let write = &mut Write::begin(tx, call, (access, allowed), (kind, right), sent, (uuid, old, new));
    change(write)?;
    let operation = store(write)?;
    Ok(((uuid, write.new.clone()), operation))
}

/// Checks what is to be stored, and completes it.
fn change(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    change_body(write)?;
    check_location(write)?;
    unserved::check(write.call, write.kind, write.sent)?;
    change_identities(write)?;
    let links = (write.kind.of.links)(write)?;
    linked::check_others(write, links)?;
    check_takes_more(write)?;
    change_tags(write)?;
    (write.kind.of.put)(write)
}

/// Puts the sent body in place of the old one, or, for a patch, merges the two.
fn change_body(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    let (sent, id) = (sent::stored(write.kind, write.sent)?, &write.new.id);
    let merged = match (write.call.command.verb, write.kind.of.absent) {
        _ if write.old.is_none() => return replace_body(write, sent),
        (Verb::Put, Absent::Goes) => return replace_body(write, sent),
        (Verb::Put, Absent::Stays) => write.new.body.replace_members(id, sent),
        _ => write.new.body.patch(id, &sent),
    };
    merged.map_err(|error| BodyError::Merged(error).into())
}

fn replace_body(write: &mut Write<'_, '_>, sent: Map<String, Value>) -> Result<(), Fault> {
    write.new.body = Body::kept(&write.new.id, sent);
    Ok(())
}

/// The identities that are asked for, and whether the caller may assign them.
fn change_identities(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    let nested = nested::read(write.tx, write.old, &write.new)?;
    let mut change = match sent::identity(write.kind, write.sent)? {
        Some(asked) => Some(changed(write, &asked)?),
        None => nested.assigned.is_some().then(|| Change::none(&write.new.identity)),
    };
    let named = change.iter().flat_map(|change| &change.add).chain(&nested.added);
    linked::check(write.tx, write.call, write.access, &write.new, &write.kind.right(write.right), named)?;
    if let Some(change) = &mut change {
        change.nested = nested.assigned;
    }
    write.change = change;
    Ok(())
}

/// The change that an identity block asks for.
fn changed(write: &Write<'_, '_>, asked: &identity_block::Asked) -> Result<Change, Fault> {
    let verb = match write.call.command.verb {
        Verb::Put => identity_block::Verb::Put,
        _ => identity_block::Verb::Patch,
    };
    let replaced = linked::replaced(write.tx, asked, &write.new)?;
    asked.change(verb, &write.new.identity, &replaced)
}

/// A deletion can take its time; identities can be taken away meanwhile, and nothing else changes.
fn check_takes_more(write: &Write<'_, '_>) -> Result<(), Fault> {
    let adds = |change: &Change| {
        !change.add.is_empty() || change.nested.is_some() || (change.system && write.new.identity.system.is_none())
    };
    let is_patch = matches!(write.call.command.verb, Verb::Patch);
    let only_identity = is_patch && write.sent.keys().all(|name| name == "identity");
    if only_identity && write.change.as_ref().is_some_and(|change| !adds(change)) {
        return Ok(());
    }
    check_open(&write.access.place)
}

/// The tags that were sent; a PUT without any leaves none, unless it keeps what is left out.
fn change_tags(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    match tags::read(write.sent)? {
        Some(tags) => write.new.tags = tags,
        None if matches!((write.call.command.verb, write.kind.of.absent), (Verb::Put, Absent::Goes)) => {
            write.new.tags = Map::new();
        }
        None => {}
    }
    Ok(())
}

/// Stores the resource with its audit record: the write is done, so that a client has nothing to wait for.
fn save(write: &mut Write<'_, '_>) -> Result<Outcome, Fault> {
    let operation = store(write)?;
    let (call, kind, new) = (write.call, write.kind, &write.new);
    let shown = || read::shown(&*write.tx, call, write.access, kind, (write.uuid, new));
    let is_new = write.old.is_none() && kind.of.created == Created::As201;
    Ok(match (call.command.verb, operation) {
        (Verb::Action(_), Some(operation)) => Outcome::Accepted(operation),
        (Verb::Action(_), None) => Outcome::shown(done(call)),
        (_, Some(operation)) => Outcome::Begun(Begun { shown: shown()?, is_new, operation }),
        (_, None) if is_new => Outcome::Created(shown()?),
        _ => Outcome::Shown(shown()?),
    })
}

fn store(write: &mut Write<'_, '_>) -> Result<Option<Accepted>, Fault> {
    let (call, kind, allowed) = (write.call, write.kind, write.proof()?);
    let (action, new) = (kind.right(write.right), &mut write.new);
    write.access.confirm(call, write.allowed, &action)?;
    let (world, change) = (&call.cx.world, write.change.as_ref());
    match write.moves {
        None => lifecycle::save(write.tx, world, &allowed, write.uuid, new, change)
            .map_err(|error| Fault::from_save(&new.id, error))?,
        Some(to) => lifecycle::save_and_move(write.tx, world, &allowed, write.uuid, new, change, to)
            .map_err(|error| Fault::from_move(&new.id, error))?,
    }
    if call.action().is_none() {
        (kind.of.saved)(write)?;
    }
    let new = &write.new;
    audit::record(write.tx, call, &action, new.id.as_str())?;
    write.begins.take().map(|begun| begin(write.tx, call, kind, new, begun)).transpose()
}

/// Begins the operation of a write, in its transaction. One on a resource without a location is polled at `global`.
fn begin(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    kind: &Kind,
    new: &Resource,
    begun: operations::Begun,
) -> Result<Accepted, Fault> {
    let subscription = new.subscription().ok_or(Fault::NoSuchRoute)?;
    let operation = begun.store(tx, call, subscription)?;
    let location = location_of(new).unwrap_or("global").to_owned();
    Ok(Accepted { subscription, operation, status: Some(StatusAddress::of(kind, location)) })
}

/// An operation that was done when its reply was written. `az vm restart` reads the end of one from the reply
/// (`_restart.py` of azure-cli 2.91).
pub(crate) fn done(call: &Call<'_>) -> Value {
    let now = call.cx.world.now.arm().replace('Z', "+00:00");
    let name = call.cx.world.entropy.guid().to_string();
    json!({ "startTime": now, "endTime": now, "status": "Succeeded", "name": name })
}

/// A new resource, in Azure's spelling of its id.
fn create(call: &Call<'_>, place: &Place, id: &ResourceId, kind: &Kind) -> Result<(ResourceUuid, Resource), Fault> {
    (kind.of.check_name)(id.name())?;
    names::check(&kind.name, id.name())?;
    let new = Resource {
        id: canonical(place, id, kind)?,
        tenant: place.chain.tenant(),
        group: place.group.as_ref().map(|(uuid, _)| *uuid),
        parent: place.parent.as_ref().map(|(uuid, _)| *uuid),
        tags: Map::new(),
        identity: ResourceIdentity::default(),
        principal: None,
        body: Body::default(),
        power: Power::default(),
        set: None,
        model: 0,
        instances_made: 0,
        host: None,
        host_resource: None,
        extension: None,
        model_extension: None,
        below: None,
        deleting: false,
        version: 0,
        created_at: call.cx.world.now,
        changed_at: call.cx.world.now,
    };
    Ok((call.command.uuid.unwrap_or_else(|| ResourceUuid::ordered(&call.cx.world)), new))
}

/// The id with the spelling of what lies above it and of the type; the name stays as it was written.
/// User-assigned identities say `resourcegroups` (recording of azure-cli, 2023).
fn canonical(place: &Place, id: &ResourceId, kind: &Kind) -> Result<ResourceId, Fault> {
    if let (GROUP_TYPE, Some(subscription)) = (&*kind.name, id.subscription()) {
        return ResourceId::of_group(subscription, id.name()).map_err(|error| Fault::PathInvalid(error.to_string()));
    }
    let above = match (&place.parent, &place.group, id.subscription()) {
        (Some((_, parent)), _, _) => parent.id.to_string(),
        (None, Some((_, group)), _) => group.id.to_string(),
        (None, None, Some(subscription)) => format!("/subscriptions/{subscription}"),
        (None, None, None) => return Err(Fault::NoSuchRoute),
    };
    let (namespace, types) = kind.name.split_once('/').unwrap_or((&kind.name, ""));
    let text = match types.rsplit_once('/') {
        Some((_, child)) => format!("{above}/{child}/{}", id.name()),
        None => format!("{above}/providers/{namespace}/{types}/{}", id.name()),
    };
    let text = if kind.name == IDENTITY_TYPE { text.replacen("/resourceGroups/", "/resourcegroups/", 1) } else { text };
    if text == id.as_str() {
        return Ok(id.clone());
    }
    let found = ResourceId::parse(&text).map_err(|error| Fault::PathInvalid(error.to_string()))?;
    // Only the spelling may differ: what was authorised and looked up is `id`.
    if found == *id { Ok(found) } else { Err(Fault::PathInvalid("it has a part that nothing lies below".to_owned())) }
}

/// Puts the location in its canonical form; it cannot change.
fn check_location(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    let location = sent::location(write.kind, (&write.new.id, write.old), write.sent)?;
    write.new.body.set_location(location);
    Ok(())
}
