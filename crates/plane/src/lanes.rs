//! The threads for work on the store: for each lane its own, with a queue of its own (ADR 20).

use crate::pool::{Pool, PoolError};
use crate::shares::Shares;
use bonafide_wire::Lane;
use std::time::Duration;

/// Longest time that a job waits; then its caller is taken to be gone. Source: ours.
const QUEUED_FOR: Duration = Duration::from_secs(10);

/// Deployments that one principal may have waiting or at work. Source: ours; with as many of somebody else's, each of half a
/// second, the wait for the threads is shorter than [`QUEUED_FOR`].
const TEMPLATES_SHARE: usize = 32;

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
    template: Pool,
    templates: Shares,
    read: Pool,
    list: Pool,
    stranger: Pool,
}

impl Lanes {
    /// Starts the threads of all lanes.
    pub(crate) fn start() -> std::io::Result<Self> {
        Self::of_size(size, TEMPLATES_SHARE)
    }

    /// One thread and few places for each lane; two templates for each principal.
    #[cfg(test)]
    pub(crate) fn narrow() -> Self {
        Self::of_size(|_| Size { threads: 1, queued_max: 8 }, 2).unwrap()
    }

    fn of_size(size: fn(Lane) -> Size, templates_share: usize) -> std::io::Result<Self> {
        let pool = |name: &str, lane| {
            let Size { threads, queued_max } = size(lane);
            Pool::start(name, threads, queued_max, QUEUED_FOR)
        };
        Ok(Self {
            system: pool("system", Lane::System)?,
            removal: pool("removal", Lane::Removal)?,
            write: pool("write", Lane::Write)?,
            template: pool("template", Lane::Template)?,
            templates: Shares::of(templates_share),
            read: pool("read", Lane::Read)?,
            list: pool("list", Lane::List)?,
            stranger: pool("stranger", Lane::Stranger)?,
        })
    }

    /// Runs a job for a caller, whose principal is asked for where each has a share of the lane.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        principal: impl FnOnce() -> Option<u128>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        if lane != Lane::Template {
            return self.of(lane).run(job).await;
        }
        let share = self.templates.take(principal()).ok_or(PoolError::ShareTaken)?;
        let of_share = move || {
            let _until_done = share;
            job()
        };
        self.of(lane).run(of_share).await
    }

    /// The pool of a lane.
    pub(crate) fn of(&self, lane: Lane) -> &Pool {
        match lane {
            Lane::System => &self.system,
            Lane::Removal => &self.removal,
            Lane::Write => &self.write,
            Lane::Template => &self.template,
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
        // Each evaluation may take 64 MiB (`template/src/limits.rs`), and maintenance has one more.
        Lane::Template => Size { threads: 4, queued_max: 256 },
        Lane::Read => Size { threads: 8, queued_max: 1_024 },
        Lane::List => Size { threads: 4, queued_max: 256 },
        Lane::Stranger => Size { threads: 2, queued_max: 64 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// `READERS_KEPT` of the engine: more threads would open and close connections all the time.
    const READERS_KEPT: usize = 72;

    #[tokio::test]
    async fn ov_04_who_has_its_share_of_templates_is_refused_and_others_are_not() {
        let lanes = Arc::new(Lanes::narrow());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let lanes = Arc::clone(&lanes);
            async move { lanes.run(Lane::Template, || Some(1), move || receiver.recv().unwrap_or_default()).await }
        });
        tokio::task::yield_now().await;
        let wait = |principal| {
            let lanes = Arc::clone(&lanes);
            tokio::spawn(async move { lanes.run(Lane::Template, || Some(principal), || ()).await })
        };
        let waiting = [wait(1), wait(2), wait(2)];
        tokio::task::yield_now().await;
        assert_eq!(wait(1).await.unwrap(), Err(PoolError::ShareTaken));
        assert_eq!(wait(2).await.unwrap(), Err(PoolError::ShareTaken));
        // Of other lanes nobody has a share.
        assert_eq!(lanes.run(Lane::Write, || panic!("it is asked who it is"), || 1).await, Ok(1));
        drop(sender);
        for done in waiting {
            assert_eq!(done.await.unwrap(), Ok(()));
        }
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(wait(1).await.unwrap(), Ok(()), "a share that is given back can be taken");
    }

    #[test]
    fn no_lane_is_without_threads_and_all_together_have_no_more_than_the_engine_keeps_readers() {
        let threads: Vec<usize> = Lane::ALL.iter().map(|lane| size(*lane).threads).collect();
        assert!(threads.iter().all(|threads| *threads > 0) && threads.iter().sum::<usize>() <= READERS_KEPT);
    }
}
