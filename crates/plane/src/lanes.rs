//! The threads for work on the store: for each lane its own, with a queue of its own (ADR 20).

use crate::pool::Pool;
use bonafide_wire::Lane;
use std::time::Duration;

/// Longest time that a job waits; then its caller is taken to be gone. Source: ours.
const QUEUED_FOR: Duration = Duration::from_secs(10);

/// The size of one lane.
struct Size {
    /// Threads, each of which blocks while its commit is made durable; many of them make one batch.
    threads: usize,
    /// Jobs that wait for a thread; more are refused with 503.
    queued_max: usize,
}

/// The pools of all lanes.
pub(crate) struct Lanes {
    system: Pool,
    removal: Pool,
    write: Pool,
    read: Pool,
    list: Pool,
    stranger: Pool,
}

impl Lanes {
    /// Starts the threads of all lanes.
    pub(crate) fn start() -> std::io::Result<Self> {
        Self::of_size(size)
    }

    /// One thread and few places for each lane.
    #[cfg(test)]
    pub(crate) fn narrow() -> Self {
        Self::of_size(|_| Size { threads: 1, queued_max: 8 }).unwrap()
    }

    fn of_size(size: fn(Lane) -> Size) -> std::io::Result<Self> {
        let pool = |name: &str, lane| {
            let Size { threads, queued_max } = size(lane);
            Pool::start(name, threads, queued_max, QUEUED_FOR)
        };
        Ok(Self {
            system: pool("system", Lane::System)?,
            removal: pool("removal", Lane::Removal)?,
            write: pool("write", Lane::Write)?,
            read: pool("read", Lane::Read)?,
            list: pool("list", Lane::List)?,
            stranger: pool("stranger", Lane::Stranger)?,
        })
    }

    /// The pool of a lane.
    pub(crate) fn of(&self, lane: Lane) -> &Pool {
        match lane {
            Lane::System => &self.system,
            Lane::Removal => &self.removal,
            Lane::Write => &self.write,
            Lane::Read => &self.read,
            Lane::List => &self.list,
            Lane::Stranger => &self.stranger,
        }
    }
}

/// The size of each lane. Source: ours. Together no more threads than the engine keeps readers; reads and lists, which wait for
/// little but the processor, have few, so that what is more urgent gets its share of it.
fn size(lane: Lane) -> Size {
    match lane {
        Lane::System | Lane::Removal => Size { threads: 8, queued_max: 256 },
        Lane::Write => Size { threads: 32, queued_max: 1_024 },
        Lane::Read => Size { threads: 8, queued_max: 1_024 },
        Lane::List => Size { threads: 4, queued_max: 256 },
        Lane::Stranger => Size { threads: 2, queued_max: 64 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `READERS_KEPT` of the engine: more threads would open and close connections all the time.
    const READERS_KEPT: usize = 64;

    #[test]
    fn no_lane_is_without_threads_and_all_together_have_no_more_than_the_engine_keeps_readers() {
        let threads: Vec<usize> = Lane::ALL.iter().map(|lane| size(*lane).threads).collect();
        assert!(threads.iter().all(|threads| *threads > 0) && threads.iter().sum::<usize>() <= READERS_KEPT);
    }
}
