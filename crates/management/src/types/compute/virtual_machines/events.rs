//! Actions that a machine which asks for events is told of before they happen, and the operation that waits for it.
//!
//! As in Azure, whoever acts waits for the machine: for its word, or for the time of the event. One that does not ask, or
//! whom nobody can tell, is acted on at once.

use crate::fault::Fault;
use crate::operations::{Begun, Step, Work, Worker, unreadable};
use crate::order::write::Write;
use bonafide_core::instance::property_text;
use bonafide_core::lifecycle::{
    AnnounceError, Announced, Budget, Evicted, Progress, announce, instance_set, termination_minutes,
};
use bonafide_core::placement::{EventKind, EventState};
use serde::{Deserialize, Serialize};

/// The least time between an announcement and its event, in seconds. Source: "Azure Metadata Service: Scheduled Events",
/// learn.microsoft.com, "Event scheduling".
const REBOOT_NOTICE_SECONDS: u64 = 900;
const REDEPLOY_NOTICE_SECONDS: u64 = 600;
const PREEMPT_NOTICE_SECONDS: u64 = 30;

/// The state of the operation.
#[derive(Serialize, Deserialize)]
struct State {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<Announced>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evicts: Option<Evicted>,
}

/// Waits for a machine, and does what it was told of.
pub(crate) static WORKER: Worker = Worker {
    kind: "machineEvent",
    step: |tx, turn, work| {
        let state: State = work.state().ok_or_else(unreadable)?;
        let mut budget = Budget::new(turn.batch);
        let progress = match state {
            State { announced: Some(announced), .. } => match announced.go_on(tx, &turn.cx.world)? {
                EventState::Waits => return Ok(Step::Waits),
                EventState::IsDue => return Ok(Step::More),
                EventState::MayHappen => announced.happen(tx, &turn.cx.world, &mut budget)?,
                EventState::IsOver => Progress::Done,
            },
            State { evicts: Some(evicted), .. } => evicted.go(tx, &turn.cx.world, &mut budget)?,
            State { announced: None, evicts: None } => Progress::Done,
        };
        Ok(if progress.is_done() { Step::Last } else { Step::More })
    },
    give_up: |_, _, _, _| Ok(()),
    takes_away: false,
};

fn announced(write: &mut Write<'_, '_>, kind: EventKind, notice_seconds: u64) -> Result<Option<Announced>, Fault> {
    let (view, now) = (write.call.cx.view, write.call.cx.world.now);
    let is_connected = |host| view.is_host_connected(host, now);
    let (allowed, machine) = (write.proof()?, (write.uuid, &write.new));
    announce(write.tx, &write.call.cx.world, &allowed, machine, (kind, notice_seconds), &is_connected).map_err(
        |error| match error {
            AnnounceError::WrongProof(error) => error.into(),
            AnnounceError::Store(error) => error.into(),
        },
    )
}

/// Announces that a machine is started anew, where it asks; false where it does not.
pub(super) fn restart(write: &mut Write<'_, '_>) -> Result<bool, Fault> {
    begin(write, EventKind::Reboot, REBOOT_NOTICE_SECONDS)
}

/// Announces that a machine is made anew, where it asks.
pub(super) fn redeploy(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    begin(write, EventKind::Redeploy, REDEPLOY_NOTICE_SECONDS).map(drop)
}

fn begin(write: &mut Write<'_, '_>, kind: EventKind, notice_seconds: u64) -> Result<bool, Fault> {
    let Some(announced) = announced(write, kind, notice_seconds)? else { return Ok(false) };
    let state = State { announced: Some(announced), evicts: None };
    write.begins = Some(Begun::Allowed(Work::new(WORKER.kind, &state)));
    Ok(true)
}

/// Evicts a Spot machine as Azure would: it is told, and 30 seconds later it is switched off or deleted, as its policy says.
pub(super) fn evict(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    let set = instance_set(write.tx, &write.new)?;
    let priority = property_text(&write.new, set.as_ref(), &["priority"]);
    let is_spot = ["Spot", "Low"].iter().any(|spot| priority.eq_ignore_ascii_case(spot));
    let refused = |state| Fault::NotAllowedNow { operation: "simulateEviction", id: write.new.id.clone(), state };
    if !is_spot {
        return Err(refused("not a Spot virtual machine"));
    }
    if !write.new.power.is_running() {
        return Err(refused("not running"));
    }
    let evicts = Some(Evicted::by(&write.proof()?, write.uuid, &write.new)?);
    let announced = announced(write, EventKind::Preempt, PREEMPT_NOTICE_SECONDS)?;
    write.begins = Some(Begun::Allowed(Work::new(WORKER.kind, &State { announced, evicts })));
    Ok(())
}

const TIMEOUT: [&str; 3] = ["scheduledEventsProfile", "terminateNotificationProfile", "notBeforeTimeout"];

/// Checks the notice that the machines of a body want of their deletion. Source: "Terminate notification for Azure Virtual
/// Machine Scale Set instances", learn.microsoft.com.
pub(crate) fn check(write: &Write<'_, '_>, profile: &[&str]) -> Result<(), Fault> {
    let said = write.new.body.member(&[profile, &TIMEOUT].concat()).filter(|said| !said.is_null());
    match said {
        Some(said) if said.as_str().and_then(termination_minutes).is_none() => Err(Fault::PropertyInvalid {
            property: "notBeforeTimeout",
            rule: "it is 5 to 15 minutes, PT5M to PT15M".to_owned(),
        }),
        _ => Ok(()),
    }
}
