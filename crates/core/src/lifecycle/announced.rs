//! Events of machines: announced where somebody does what a machine wants to know before, started when the machine says so or
//! their time has come, and then done by the right of whoever asked for it, which was checked then.

use super::budget::{Budget, Progress};
use super::delete::{Condemned, remove};
use super::save::confirm_write;
use super::{place, restart};
use crate::access::{Allowed, WrongProof};
use crate::directory::{Power, RESOURCES, Resource};
use crate::instance::{machine_name, property_text};
use crate::placement::{
    EventKind, EventState, PLACEMENTS_OF_WORKLOAD, SCHEDULED_EVENTS, ScheduledEvent, ScheduledEvents,
    WORKLOAD_HOSTS_MAX,
};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ResourceUuid, World};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something that was allowed, and is done once its machine knows of it. The operation that does it stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    machine: ResourceUuid,
    event: Uuid,
}

/// The kind of an event, and the least time between its announcement and its start, in seconds.
pub type Notice = (EventKind, u64);

/// There is no event with an id that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchEvent;

/// The reason why nothing was announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Announces an event to a machine; `allowed` is the proof of a write on it. `None` where nobody would hear of it: the machine
/// does not ask for events, does not run, or is on no host that `is_connected`.
///
/// # Errors
/// [`AnnounceError`].
pub fn announce(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    (uuid, machine): (ResourceUuid, &Resource),
    notice: Notice,
    is_connected: &dyn Fn(HostId) -> bool,
) -> Result<Option<Announced>, AnnounceError> {
    confirm_write(allowed, uuid, machine)?;
    Ok(put_on_list(tx, world, (uuid, machine), notice, is_connected)?)
}

/// Announces to a machine that wants it that it is deleted, as [`announce`] does.
///
/// # Errors
/// The store's.
pub fn announce_deletion(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    condemned: Condemned,
    machine: &Resource,
    is_connected: &dyn Fn(HostId) -> bool,
) -> Result<Option<Announced>, StoreError> {
    let Some(seconds) = termination_notice(machine, instance_set(tx, machine)?.as_ref()) else { return Ok(None) };
    put_on_list(tx, world, (condemned.uuid(), machine), (EventKind::Terminate, seconds), is_connected)
}

fn put_on_list(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    (uuid, machine): (ResourceUuid, &Resource),
    (kind, seconds): Notice,
    is_connected: &dyn Fn(HostId) -> bool,
) -> Result<Option<Announced>, StoreError> {
    let Some(mut events) = tx.get(&SCHEDULED_EVENTS, &uuid)? else { return Ok(None) };
    let hosts = tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)?;
    let is_heard = hosts.into_iter().any(|(host, _)| is_connected(host));
    if !is_heard || !machine.power.is_running() || !events.are_told(world.now) {
        return Ok(None);
    }
    let not_before = world.now.plus_seconds(seconds);
    let event = events.announce(ScheduledEvent { id: world.entropy.guid(), kind, not_before, started_at: None });
    store(tx, (uuid, machine), &events)?;
    Ok(Some(Announced { machine: uuid, event }))
}

/// Goes on with the announced deletions of instances that are deleted together: none goes before all may, as Azure's do. Those
/// that want to know of it, and were not told yet, are told.
pub(super) fn go_on_with_deletions(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    instances: &[ResourceUuid],
    is_connected: &dyn Fn(HostId) -> bool,
) -> Result<EventState, StoreError> {
    let mut all = EventState::MayHappen;
    for uuid in instances {
        let state = match deletion_of(tx, *uuid)? {
            Some(announced) => announced.go_on(tx, world)?,
            None => {
                let Some(machine) = tx.get(&RESOURCES, uuid)? else { continue };
                match announce_deletion(tx, world, Condemned::part(*uuid), &machine, is_connected)? {
                    Some(_) => EventState::IsDue,
                    None => EventState::IsOver,
                }
            }
        };
        all = match (all, state) {
            // Something was written.
            (EventState::IsDue, _) | (_, EventState::IsDue) => EventState::IsDue,
            (EventState::Waits, _) | (_, EventState::Waits) => EventState::Waits,
            _ => EventState::MayHappen,
        };
    }
    Ok(all)
}

fn deletion_of(tx: &impl Read, machine: ResourceUuid) -> Result<Option<Announced>, StoreError> {
    let events = tx.get(&SCHEDULED_EVENTS, &machine)?;
    let event = events.and_then(|events| events.events.into_iter().find(|event| event.kind == EventKind::Terminate));
    Ok(event.map(|event| Announced { machine, event: event.id }))
}

/// Takes down that a machine asks for events, and that those with these ids may start. All that there are then.
///
/// # Errors
/// The store's.
pub fn ask_for_events(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    start: &[Uuid],
) -> Result<Result<ScheduledEvents, NoSuchEvent>, StoreError> {
    let Some(machine) = tx.get(&RESOURCES, &uuid)? else { return Ok(Err(NoSuchEvent)) };
    let known = tx.get(&SCHEDULED_EVENTS, &uuid)?;
    let mut events = match &known {
        Some(known) => known.clone(),
        None => ScheduledEvents::begin(machine_name(&machine, instance_set(tx, &machine)?.as_ref()), world.now),
    };
    events.ask(world.now);
    if !start.iter().all(|id| events.start(*id, world.now)) {
        return Ok(Err(NoSuchEvent));
    }
    if known.as_ref() != Some(&events) {
        store(tx, (uuid, &machine), &events)?;
    }
    Ok(Ok(events))
}

impl Announced {
    /// Goes on with the event as far as it is now: starts it when it is due.
    ///
    /// # Errors
    /// The store's.
    pub fn go_on(self, tx: &mut Tx<'_>, world: &World<'_>) -> Result<EventState, StoreError> {
        let Some((machine, mut events)) = self.read(tx)? else { return Ok(EventState::IsOver) };
        // Nobody who is off, or nowhere, says anything any more.
        let is_placed = !tx.many(&PLACEMENTS_OF_WORKLOAD, &self.machine, None, 1)?.is_empty();
        let state = events.state(self.event, is_placed && machine.power.is_running(), world.now);
        if state == EventState::IsDue {
            events.start(self.event, world.now);
            store(tx, (self.machine, &machine), &events)?;
        }
        Ok(state)
    }

    /// Does what was announced, as far as the budget goes, and takes the event from the list. Of a deletion it does nothing:
    /// whoever deletes goes on.
    ///
    /// # Errors
    /// The store's.
    pub fn happen(self, tx: &mut Tx<'_>, world: &World<'_>, budget: &mut Budget) -> Result<Progress, StoreError> {
        let Some((machine, events)) = self.read(tx)? else { return Ok(Progress::Done) };
        let event = events.events.iter().find(|event| event.id == self.event);
        match event.map(|event| event.kind) {
            Some(EventKind::Reboot) if machine.power.is_running() => restart::restart(tx, world, self.machine)?,
            Some(EventKind::Preempt) => {
                if !evict(tx, world, (self.machine, machine), budget)?.is_done() {
                    return Ok(Progress::Unfinished);
                }
            }
            Some(EventKind::Terminate) | None => return Ok(Progress::Done),
            Some(EventKind::Reboot | EventKind::Redeploy) => {}
        }
        if let Some((machine, mut events)) = self.read(tx)? {
            events.end(self.event);
            store(tx, (self.machine, &machine), &events)?;
        }
        Ok(Progress::Done)
    }

    fn read(self, tx: &impl Read) -> Result<Option<(Resource, ScheduledEvents)>, StoreError> {
        Ok(tx.get(&RESOURCES, &self.machine)?.zip(tx.get(&SCHEDULED_EVENTS, &self.machine)?))
    }
}

/// A Spot machine whose eviction was allowed. The operation that evicts it stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evicted(ResourceUuid);

impl Evicted {
    /// A machine, with the proof of a write on it.
    ///
    /// # Errors
    /// [`WrongProof`] when the proof is for something else.
    pub fn by(allowed: &Allowed, uuid: ResourceUuid, machine: &Resource) -> Result<Self, WrongProof> {
        confirm_write(allowed, uuid, machine)?;
        Ok(Self(uuid))
    }

    /// Evicts it: it is switched off and loses its place, or is deleted, as its policy says.
    ///
    /// # Errors
    /// The store's.
    pub fn go(self, tx: &mut Tx<'_>, world: &World<'_>, budget: &mut Budget) -> Result<Progress, StoreError> {
        match tx.get(&RESOURCES, &self.0)? {
            Some(machine) => evict(tx, world, (self.0, machine), budget),
            None => Ok(Progress::Done),
        }
    }
}

fn evict(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    (uuid, mut machine): (ResourceUuid, Resource),
    budget: &mut Budget,
) -> Result<Progress, StoreError> {
    let policy = property_text(&machine, instance_set(tx, &machine)?.as_ref(), &["evictionPolicy"]);
    if policy.eq_ignore_ascii_case("Delete") {
        return remove(tx, world, Condemned::part(uuid), uuid, budget);
    }
    machine.power = Power::Deallocated;
    machine.version += 1;
    machine.changed_at = world.now;
    tx.put(&RESOURCES, &uuid, &machine)?;
    place::refresh(tx, uuid, &machine)?;
    Ok(Progress::Done)
}

/// The scale set that a machine is an instance of.
///
/// # Errors
/// The store's.
pub fn instance_set(tx: &impl Read, machine: &Resource) -> Result<Option<Resource>, StoreError> {
    match machine.set {
        Some(membership) => tx.get(&RESOURCES, &membership.set),
        None => Ok(None),
    }
}

/// Shortest and longest notice of a deletion, in minutes. Source: "Terminate notification for Azure Virtual Machine Scale Set
/// instances", learn.microsoft.com.
const TERMINATION_MINUTES: std::ops::RangeInclusive<u64> = 5..=15;
const TERMINATION: [&str; 2] = ["scheduledEventsProfile", "terminateNotificationProfile"];

/// The notice that a machine wants of its deletion, in seconds; none of a Spot machine, which Azure gives none.
fn termination_notice(machine: &Resource, set: Option<&Resource>) -> Option<u64> {
    let of = |name: &str| property_text(machine, set, &[TERMINATION.as_slice(), &[name]].concat());
    if !of("enable").eq_ignore_ascii_case("true")
        || property_text(machine, set, &["priority"]).eq_ignore_ascii_case("Spot")
    {
        return None;
    }
    let minutes = termination_minutes(&of("notBeforeTimeout")).unwrap_or(*TERMINATION_MINUTES.start());
    Some(minutes * 60)
}

/// The minutes of a notice (`PT10M`), where it can be one.
pub fn termination_minutes(text: &str) -> Option<u64> {
    let minutes = text.trim().to_ascii_uppercase().strip_prefix("PT")?.strip_suffix('M')?.parse().ok()?;
    TERMINATION_MINUTES.contains(&minutes).then_some(minutes)
}

fn store(
    tx: &mut Tx<'_>,
    (uuid, machine): (ResourceUuid, &Resource),
    events: &ScheduledEvents,
) -> Result<(), StoreError> {
    tx.put(&SCHEDULED_EVENTS, &uuid, events)?;
    place::refresh(tx, uuid, machine)
}
