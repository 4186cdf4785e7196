//! The events that machines are told of before they happen: those machines that ask, a row each, and part of their placements, so that
//! their hosts know it while the control plane is away (docs/wire/instance.md, "Scheduled events").

use bonafide_store::{Absence, Table};
use bonafide_types::{ResourceUuid, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Time for which a machine that asked is told, in seconds (24 hours). Source: "Azure Metadata Service: Scheduled Events",
/// learn.microsoft.com, "Enabling and disabling".
const TOLD_SECONDS: u64 = 86_400;
/// Time within which asking again is not written down, in seconds. Source: ours.
const ASKED_AGAIN_SECONDS: u64 = 3_600;
/// Time for which an event has started before it happens, in seconds. Source: ours; a program that asks every second, as Azure
/// advises, sees it.
const STARTED_SECONDS: u64 = 3;

/// The events of a machine that asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEvents {
    /// The name by which events call the machine, which is that of its instance document.
    pub name: String,
    /// The number of this state of the list.
    pub incarnation: u64,
    /// The last time that it is known to have asked.
    pub asked_at: Timestamp,
    /// One of a kind at most.
    pub events: Vec<ScheduledEvent>,
}

/// Something that is going to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEvent {
    /// Its id.
    pub id: Uuid,
    /// Its kind.
    pub kind: EventKind,
    /// The time at which it starts unless the machine says earlier that it may.
    pub not_before: Timestamp,
    /// The time at which it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
}

/// The kinds of events that there are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// It is started anew.
    Reboot,
    /// It is made anew on another host.
    Redeploy,
    /// A Spot machine is evicted.
    Preempt,
    /// It is deleted.
    Terminate,
}

/// The progress of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventState {
    /// It waits for the machine, or for its time.
    Waits,
    /// Its time has come, and it has to be started.
    IsDue,
    /// It may happen.
    MayHappen,
    /// There is none with this id, any more.
    IsOver,
}

impl ScheduledEvents {
    /// Those of a machine that asks for the first time.
    pub fn begin(name: String, now: Timestamp) -> Self {
        Self { name, incarnation: 1, asked_at: now, events: Vec::new() }
    }

    /// Takes down that the machine asks; false where that is known already.
    pub fn ask(&mut self, now: Timestamp) -> bool {
        // A clock that was set back leaves no time to come.
        let is_known = self.asked_at <= now && now < self.asked_at.plus_seconds(ASKED_AGAIN_SECONDS);
        if !is_known {
            self.asked_at = now;
        }
        !is_known
    }

    /// True while the machine is told of what is going to happen.
    pub fn are_told(&self, now: Timestamp) -> bool {
        now < self.asked_at.plus_seconds(TOLD_SECONDS)
    }

    /// Puts an event on the list, or finds the one of its kind that has not started: its id.
    pub fn announce(&mut self, event: ScheduledEvent) -> Uuid {
        if let Some(there) = self.events.iter().find(|there| there.kind == event.kind) {
            return there.id;
        }
        self.events.push(event);
        self.incarnation += 1;
        event.id
    }

    /// The progress of an event of a machine that runs, or does not.
    pub fn state(&self, id: Uuid, is_running: bool, now: Timestamp) -> EventState {
        match self.events.iter().find(|event| event.id == id) {
            None => EventState::IsOver,
            Some(ScheduledEvent { started_at: Some(at), .. }) if now < at.plus_seconds(STARTED_SECONDS) => {
                // A clock that was set back keeps nobody waiting.
                if now < *at { EventState::MayHappen } else { EventState::Waits }
            }
            Some(ScheduledEvent { started_at: Some(_), .. }) => EventState::MayHappen,
            Some(event) if event.not_before <= now || !is_running => EventState::IsDue,
            Some(_) => EventState::Waits,
        }
    }

    /// Starts an event; false where there is none with this id.
    pub fn start(&mut self, id: Uuid, now: Timestamp) -> bool {
        let Some(event) = self.events.iter_mut().find(|event| event.id == id) else { return false };
        if event.started_at.is_none() {
            event.started_at = Some(now);
            self.incarnation += 1;
        }
        true
    }

    /// Takes an event from the list.
    pub fn end(&mut self, id: Uuid) {
        let before = self.events.len();
        self.events.retain(|event| event.id != id);
        self.incarnation += u64::from(self.events.len() < before);
    }
}

/// Events by machine: of those that ask and are placed, and of no others.
pub const SCHEDULED_EVENTS: Table<ResourceUuid, ScheduledEvents> = Table::new("scheduled-events", Absence::Withholds);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    fn at(seconds: u64) -> Timestamp {
        NOW.plus_seconds(seconds)
    }

    fn event(id: u128, kind: EventKind) -> ScheduledEvent {
        ScheduledEvent { id: Uuid::from_u128(id), kind, not_before: at(30), started_at: None }
    }

    #[test]
    fn an_event_waits_for_the_machine_or_for_its_time_and_is_seen_before_it_happens() {
        let id = Uuid::from_u128(1);
        let mut events = ScheduledEvents::begin("vm1".to_owned(), NOW);
        assert_eq!(events.state(id, true, NOW), EventState::IsOver);
        assert_eq!(events.announce(event(1, EventKind::Preempt)), id);
        assert_eq!(events.announce(event(2, EventKind::Preempt)), id, "it is announced already");
        assert_eq!((events.incarnation, events.events.len()), (2, 1));
        for (seconds, is_running, state) in
            [(29, true, EventState::Waits), (30, true, EventState::IsDue), (0, false, EventState::IsDue)]
        {
            assert_eq!(events.state(id, is_running, at(seconds)), state);
        }
        assert!(events.start(id, at(5)) && events.start(id, at(6)) && !events.start(Uuid::from_u128(2), at(6)));
        assert_eq!(events.incarnation, 3);
        assert_eq!(events.state(id, true, at(7)), EventState::Waits);
        assert_eq!(events.state(id, true, at(8)), EventState::MayHappen);
        assert_eq!(events.state(id, true, at(4)), EventState::MayHappen, "the clock was set back");
        events.end(id);
        events.end(id);
        assert_eq!((events.incarnation, events.state(id, true, at(9))), (4, EventState::IsOver));
    }

    #[test]
    fn a_machine_that_has_not_asked_for_a_day_is_not_told_and_asking_is_written_down_once_an_hour() {
        let mut events = ScheduledEvents::begin("vm1".to_owned(), NOW);
        assert!(!events.ask(at(3_599)) && events.are_told(at(86_399)) && !events.are_told(at(86_400)));
        assert!(events.ask(at(3_600)) && events.are_told(at(86_400)));
        assert!(events.ask(NOW) && !events.are_told(at(86_400)), "a clock that was set back");
    }
}
