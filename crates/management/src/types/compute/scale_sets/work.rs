//! The work of an operation on a set: what it does, with which instances, and how far it is.

use crate::operations::Work;
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
}

/// The change of the instances of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Does {
    /// As many as the capacity says; then of the latest model, where the policy says so.
    Follow { upgrades: bool },
    /// Of the latest model.
    Upgrade,
    /// With the extension of the model answering, where the work asked for it.
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
    Work::new(KIND, &State { set, does, only: None, after: None, since: Some(now) })
}

/// The work for some instances of a set, that begins now.
pub(super) fn work_on(set: ChangedSet, does: Does, mut only: Vec<ResourceUuid>, now: Timestamp) -> Work {
    only.sort_unstable();
    only.dedup();
    Work::new(KIND, &State { set, does, only: Some(only), after: None, since: Some(now) })
}

/// The set of work that only makes or removes instances.
pub(super) fn only_scales(work: &Work) -> Option<ChangedSet> {
    let state: State = work.state()?;
    (state.does == Does::Follow { upgrades: false }).then_some(state.set)
}

impl State {
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
