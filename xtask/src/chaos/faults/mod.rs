//! The faults, one a file. Each begins, lasts and ends within its function, while the load goes on.

mod clock_step;
mod failing_disk;
mod flipped_bits;
mod full_disk;
mod kill;
mod pause;
mod silent_listener;
mod slow_peers;
mod terminate;
mod unread_log;

pub(super) use slow_peers::serve as slow_peers_process;

use super::excuse::Excuse;
use super::scene::Scene;
use std::time::Duration;

/// A fault.
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// The failures that it explains from its beginning; it may change that while it lasts.
    pub(super) excuse: Excuse,
    /// True if it needs a file system of its own, which only root can mount.
    pub(super) needs_disk: bool,
    /// Longest time from its end until everything works again.
    pub(super) recovery: Duration,
    /// Carries it out. An error ends the run; what is only wrong is a violation.
    pub(super) inject: fn(&mut Scene<'_>) -> Result<(), String>,
}

/// Longest time until all works again after most faults. Source: row AV-05.
const SOON: Duration = Duration::from_secs(10);

/// All of them.
pub(super) const FAULTS: &[Fault] = &[
    Fault { name: "kill", excuse: Excuse::AWAY, needs_disk: false, recovery: SOON, inject: kill::inject },
    Fault { name: "terminate", excuse: Excuse::AWAY, needs_disk: false, recovery: SOON, inject: terminate::inject },
    Fault { name: "pause", excuse: Excuse::AWAY, needs_disk: false, recovery: SOON, inject: pause::inject },
    Fault { name: "full disk", excuse: Excuse::NO_WRITES, needs_disk: true, recovery: SOON, inject: full_disk::inject },
    Fault {
        name: "start on a full disk",
        excuse: Excuse::NO_WRITES,
        needs_disk: true,
        recovery: SOON,
        inject: full_disk::start,
    },
    Fault {
        name: "failing syncs",
        excuse: Excuse::NO_WRITES,
        needs_disk: false,
        recovery: SOON,
        inject: failing_disk::syncs,
    },
    Fault {
        name: "failing writes",
        excuse: Excuse::NO_WRITES,
        needs_disk: false,
        recovery: SOON,
        inject: failing_disk::writes,
    },
    Fault {
        name: "flipped bits",
        excuse: Excuse::DAMAGED,
        needs_disk: false,
        recovery: SOON,
        inject: flipped_bits::inject,
    },
    Fault {
        name: "clock step",
        excuse: Excuse::CLOCK,
        needs_disk: false,
        recovery: clock_step::RECOVERY,
        inject: clock_step::inject,
    },
    Fault { name: "slow peers", excuse: Excuse::NONE, needs_disk: false, recovery: SOON, inject: slow_peers::inject },
    Fault {
        name: "silent listener",
        excuse: Excuse::AWAY,
        needs_disk: false,
        recovery: SOON,
        inject: silent_listener::inject,
    },
    Fault { name: "unread log", excuse: Excuse::NONE, needs_disk: false, recovery: SOON, inject: unread_log::inject },
];
