//! A write that is done before a host that it is about has heard of it: the operation ends when the host has, or when it is
//! gone.

use super::{Step, Work, Worker, unreadable};
use bonafide_store::Revision;
use bonafide_types::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest time that such an operation takes, in seconds. Source: ours; a host that is slower hears of it all the same.
const TELLING_SECONDS_MAX: u64 = 60;

#[derive(Serialize, Deserialize)]
struct Telling {
    past: u64,
    ends_at: Timestamp,
}

/// The work of waiting for the hosts.
pub(crate) fn work(past: Revision, now: Timestamp) -> Work {
    Work::new(WORKER.kind, &Telling { past: past.0, ends_at: now.plus_seconds(TELLING_SECONDS_MAX) })
}

pub(super) static WORKER: Worker = Worker {
    kind: "tellHosts",
    step: |_, turn, work| {
        let Telling { past, ends_at } = work.state().ok_or_else(unreadable)?;
        let now = turn.cx.world.now;
        let is_told = !turn.cx.view.is_any_host_behind(Revision(past), now);
        Ok(if is_told || ends_at <= now { Step::Last } else { Step::Waits })
    },
    give_up: |_, _, _, _| Ok(()),
    takes_away: true,
};
