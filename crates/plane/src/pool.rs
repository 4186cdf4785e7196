//! Threads for synchronous work: a bounded pool for the jobs of each lane, which may wait; jobs that never wait run in place.

use bonafide_wire::Unserved;
use crossbeam_channel::{Sender, TrySendError, bounded};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The reason why a job was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    /// The queue is full, or the job waited past its deadline.
    #[error("the server is busy")]
    Busy,
    /// The job panicked, with what it said; the thread goes on.
    #[error("the request failed inside the server: {0}")]
    Panicked(String),
}

/// Runs a non-blocking job in place, on the thread of its connection (ADR 5).
pub(crate) fn run_in_place<T>(job: impl FnOnce() -> T) -> Result<T, PoolError> {
    catch_unwind(AssertUnwindSafe(job)).map_err(panicked)
}

fn panicked(payload: Box<dyn Any + Send>) -> PoolError {
    let said = payload.downcast::<String>().map(|said| *said);
    let said = said.or_else(|payload| payload.downcast::<&'static str>().map(|said| (*said).to_owned()));
    PoolError::Panicked(said.unwrap_or_else(|_| "a panic without words".to_owned()))
}

impl From<&PoolError> for Unserved {
    fn from(error: &PoolError) -> Self {
        match error {
            PoolError::Busy => Self::Busy,
            PoolError::Panicked(_) => Self::Failed,
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads with one bounded queue.
pub(crate) struct Pool {
    queue: Sender<Job>,
    deadline: Duration,
}

impl Pool {
    /// Starts `threads` threads with a queue of `queued_max` jobs, each of which is given up when it
    /// has waited for `deadline`: its caller no longer waits for it.
    pub(crate) fn start(name: &str, threads: usize, queued_max: usize, deadline: Duration) -> std::io::Result<Self> {
        let (queue, jobs) = bounded::<Job>(queued_max);
        for number in 0..threads {
            let jobs = jobs.clone();
            std::thread::Builder::new().name(format!("{name}-{number}")).spawn(move || {
                while let Ok(job) = jobs.recv() {
                    job();
                }
            })?;
        }
        Ok(Self { queue, deadline })
    }

    /// Runs a job on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (sender, receiver) = oneshot::channel();
        let expires = Instant::now() + self.deadline;
        let job: Job = Box::new(move || {
            if Instant::now() < expires && !sender.is_closed() {
                let result = run_in_place(job);
                // A caller that went away does not want the answer.
                let _ = sender.send(result);
            }
        });
        match self.queue.try_send(job) {
            Ok(()) => receiver.await.unwrap_or(Err(PoolError::Busy)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(PoolError::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_panics_in_place_is_one_failed_request() {
        let word = "no number".to_owned();
        let failed = run_in_place(|| word.parse::<u8>().unwrap()).unwrap_err();
        assert!(matches!(&failed, PoolError::Panicked(said) if said.contains("InvalidDigit")), "{failed}");
        assert_eq!(run_in_place(|| panic!("no words")), Err::<(), _>(PoolError::Panicked("no words".to_owned())));
        assert_eq!(run_in_place(|| word.len()), Ok(9));
    }
}
