//! The work of an operation on a set: what it does, with which instances, and how far it is.

use crate::operations::{Failure, Work};
use crate::order::locks::Operation;
use bonafide_core::directory::Power;
use bonafide_core::lifecycle::ChangedSet;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceUuid, Timestamp};
use serde::{Deserialize, Serialize};

/// The name of its worker.
pub(super) const KIND: &str = "scaleSet";

/// The state of an operation on a set.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    pub(super) set: ChangedSet,
    pub(super) does: Does,
    /// The instances that it is about; none for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) only: Option<Vec<ResourceUuid>>,
    /// The last of them that it is done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<ResourceUuid>,
    /// The time of its start: what it changed has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
    /// The version of the model that an upgrade by policy is for: one of a later change takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<u64>,
    /// The refusals of instances that stay as they are, each of which names its instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) refusals: Vec<Failure>,
}

/// Refusals that an operation names; there may be more. Source: ours; each is a sentence of about 400 bytes in its row.
const REFUSALS_MAX: usize = 16;

/// The change of the instances of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Does {
    /// As many as the capacity says; then of the latest model, where the policy says so.
    Follow { upgrades: bool },
    /// Of the latest model.
    Upgrade,
    /// With the extension of the model answering: where the work has changed something, or was to bring the model.
    Await,
    /// Started anew, those that run.
    Restart,
    /// On or off.
    Switch(Power),
    /// Away with them.
    Delete,
}

impl Does {
    pub(super) fn operation(self) -> Operation {
        if self == Self::Delete { Operation::Delete } else { Operation::Write }
    }
}

/// The work for all instances of a set, that begins now.
pub(super) fn work(set: ChangedSet, does: Does, now: Timestamp) -> Work {
    Work::new(KIND, &State::new(set, does, now))
}

/// The work for some instances of a set, that begins now.
pub(super) fn work_on(set: ChangedSet, does: Does, mut only: Vec<ResourceUuid>, now: Timestamp) -> Work {
    only.sort_unstable();
    only.dedup();
    Work::new(KIND, &State { only: Some(only), ..State::new(set, does, now) })
}

/// The work for all instances of a set that follow it to this version of its model, that begins now.
pub(super) fn work_to(set: ChangedSet, does: Does, model: u64, now: Timestamp) -> Work {
    Work::new(KIND, &State { model: Some(model), ..State::new(set, does, now) })
}

/// The set of work that only makes or removes instances.
pub(super) fn only_scales(work: &Work) -> Option<ChangedSet> {
    let state: State = work.state()?;
    (state.does == Does::Follow { upgrades: false }).then_some(state.set)
}

impl State {
    fn new(set: ChangedSet, does: Does, now: Timestamp) -> Self {
        Self { set, does, only: None, after: None, since: Some(now), model: None, refusals: Vec::new() }
    }

    /// Keeps the refusal of an instance for the end.
    pub(super) fn refuse(&mut self, refusal: Failure) {
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push(refusal);
        }
    }

    /// The failure that the work ends with, `last` being one more; none where every instance has what it is to have.
    pub(super) fn failure(&self, last: Option<Failure>) -> Option<Failure> {
        let mut all: Vec<Failure> = self.refusals.iter().cloned().chain(last).collect();
        if all.len() < 2 {
            return all.pop();
        }
        let message = "Several instances failed: the details name the first of them. All others were updated.";
        Some(Failure { details: all, ..Failure::new("VMExtensionProvisioningError", message) })
    }

    /// The instances that are left, in their order.
    pub(super) fn left(&self, tx: &impl Read) -> Result<Vec<ResourceUuid>, StoreError> {
        let mut all = match &self.only {
            Some(only) => only.clone(),
            None => self.set.instances(tx)?,
        };
        all.retain(|uuid| self.after.is_none_or(|after| *uuid > after));
        Ok(all)
    }
}
