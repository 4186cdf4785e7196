//! Threads for synchronous work: a bounded pool for the jobs of each lane, which may wait.

use bonafide_http::{Panicked, caught_at_once};
use bonafide_wire::Unserved;
use crossbeam_channel::{Sender, TrySendError, bounded};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The reason why a job was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    /// The queue is full, or the job waited past its deadline.
    #[error("the server is busy")]
    Busy,
    /// The principal whose job it is has its share of the lane.
    #[error("the caller has as many jobs waiting as it may have")]
    ShareTaken,
    /// The job panicked, with what it said; the thread goes on.
    #[error("the job failed inside the server: {0}")]
    Panicked(Panicked),
}

impl PoolError {
    /// The refusal of the request whose job was not done. A panic goes on where the request is answered.
    pub(crate) fn unserved(&self) -> Unserved {
        match self {
            Self::Busy => Unserved::Busy,
            Self::ShareTaken => Unserved::ShareTaken,
            Self::Panicked(panicked) => panicked.resume(),
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
                let result = caught_at_once(job).map_err(PoolError::Panicked);
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

    #[tokio::test]
    async fn np_07_a_job_that_panics_is_one_failed_request_and_its_thread_goes_on() {
        let pool = Pool::start("test", 1, 1, Duration::from_secs(60)).unwrap();
        let word = "no number".to_owned();
        let failed = pool.run(move || word.parse::<u8>().unwrap()).await.unwrap_err();
        let goes_on = caught_at_once(|| failed.unserved()).unwrap_err();
        assert!(goes_on.to_string().contains("InvalidDigit"), "{goes_on}");
        assert_eq!(pool.run(|| 9).await, Ok(9));
    }

    #[tokio::test]
    async fn ov_01_a_job_that_waited_too_long_is_not_done_and_its_caller_is_told() {
        let pool = Pool::start("test", 1, 1, Duration::ZERO).unwrap();
        assert_eq!(pool.run(|| panic!("it is done")).await, Err::<(), _>(PoolError::Busy));
    }
}
