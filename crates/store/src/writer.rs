//! The one thread that writes: it makes one batch of all the commits that wait, so that they share
//! one durable database transaction, and tells followers that there is something new.

use crate::engine::{Commit, Engine, Revision, Verdict};
use crate::error::{EngineError, StoreError};
use crate::limits::COMPACT_EVERY_REVISIONS;
use crate::mark::KeptMark;
use crate::options::Options;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Commits written in one database transaction. Source: ours; measured, there is
/// no gain above 64, and a batch is what one engine error takes down with it.
const BATCH_COMMITS_MAX: usize = 64;
/// Operations after which a batch takes no more commits. Source: ours, bounds how long the engine's
/// write lock is held.
const BATCH_OPS_MAX: usize = 4096;
/// The time that a batch smaller than the last one waits for each further commit. Source: ours, less than
/// a sync takes; measured with 16 writers, batches of 15 instead of 11.
const BATCH_GAP: Duration = Duration::from_micros(50);

/// Hands commits to the writer's thread; dropping it stops the thread, after what waits is written.
pub(crate) struct Writer {
    queue: Option<SyncSender<Request>>,
    queue_commits_max: usize,
    thread: Option<JoinHandle<()>>,
}

struct Request {
    commit: Commit,
    reply: SyncSender<Result<Verdict, EngineError>>,
}

impl Writer {
    pub(crate) fn start(
        engine: Arc<dyn Engine>,
        head: Arc<Head>,
        mark: Option<Arc<KeptMark>>,
        options: Options,
    ) -> Self {
        let (queue, requests) = sync_channel(options.queue_commits_max);
        let run = move || {
            let mut batches = Batches { requests, engine, head, mark, options, expected: 1, compact_at: Revision(0) };
            while batches.write_next() {}
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(run);
        // Without its thread the queue has no receiver, and every write is refused as `Stopped`.
        Self { queue: Some(queue), queue_commits_max: options.queue_commits_max, thread: thread.ok() }
    }

    /// Waits until the commit is durable, lost its race, or failed.
    pub(crate) fn commit(&self, commit: Commit) -> Result<Verdict, StoreError> {
        let (reply, verdict) = sync_channel(1);
        let queue = self.queue.as_ref().ok_or(StoreError::Stopped)?;
        queue.try_send(Request { commit, reply }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded { waiting: self.queue_commits_max },
            TrySendError::Disconnected(_) => StoreError::Stopped,
        })?;
        Ok(verdict.recv().map_err(|_| StoreError::Stopped)??)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has been reported on stderr and to the callers that waited.
            let _ = thread.join();
        }
    }
}

struct Batches {
    requests: Receiver<Request>,
    engine: Arc<dyn Engine>,
    head: Arc<Head>,
    mark: Option<Arc<KeptMark>>,
    options: Options,
    /// Commits in the last batch.
    expected: usize,
    compact_at: Revision,
}

impl Batches {
    /// Writes one batch; false when nobody can send any more.
    fn write_next(&mut self) -> bool {
        let Ok(first) = self.requests.recv() else { return false };
        let mut ops = first.commit.ops.len();
        let mut commits = vec![first.commit];
        let mut replies = vec![first.reply];
        while commits.len() < BATCH_COMMITS_MAX && ops < BATCH_OPS_MAX {
            let next = match self.requests.try_recv() {
                // Those whom the last batch answered are about to ask again. Without waiting for them
                // they would miss this batch, and all would go on in two halves with twice the syncs.
                Err(_) if commits.len() < self.expected => self.requests.recv_timeout(BATCH_GAP).ok(),
                next => next.ok(),
            };
            let Some(next) = next else { break };
            ops += next.commit.ops.len();
            commits.push(next.commit);
            replies.push(next.reply);
        }
        self.expected = commits.len();
        let results = self.write(&commits);
        let head = results.iter().flatten().filter_map(Verdict::revision).max();
        if let Some(head) = head {
            self.head.advance(head);
        }
        for (result, reply) in results.into_iter().zip(&replies) {
            // The thread that asked may have died meanwhile; the commit stands.
            let _ = reply.send(result);
        }
        if let Some(head) = head {
            self.raise_mark();
            self.compact(head);
        }
        true
    }

    /// Writes a batch; the result of each commit. When the disk is full, those that may use the reserve are written
    /// without the others.
    fn write(&self, commits: &[Commit]) -> Vec<Result<Verdict, EngineError>> {
        let full = match self.engine.commit(commits) {
            Err(full @ EngineError::Full(_)) => full,
            result => return each(result, commits.len()),
        };
        let urgent: Vec<Commit> = commits.iter().filter(|commit| commit.may_use_reserve).cloned().collect();
        if urgent.is_empty() || urgent.len() == commits.len() {
            return each(Err(full), commits.len());
        }
        let mut written = each(self.engine.commit(&urgent), urgent.len()).into_iter();
        let result = |commit: &Commit| commit.may_use_reserve.then(|| written.next()).flatten();
        commits.iter().map(result).map(|result| result.unwrap_or_else(|| Err(full.clone()))).collect()
    }

    /// After the callers have their answers: a mark that is behind is still true.
    fn raise_mark(&self) {
        if let Some(mark) = &self.mark
            && let Ok(point) = self.engine.high_water()
        {
            mark.raise(&point);
        }
    }

    /// Keeps the change log bounded. A failure (a full disk) is no writer's business: the next
    /// compaction makes up for it.
    fn compact(&mut self, head: Revision) {
        if head >= self.compact_at {
            let _ = self.engine.compact(Revision(head.0.saturating_sub(self.options.log_revisions_kept)));
            self.compact_at = Revision(head.0 + COMPACT_EVERY_REVISIONS);
        }
    }
}

/// The result of each commit of a batch.
fn each(result: Result<Vec<Verdict>, EngineError>, commits: usize) -> Vec<Result<Verdict, EngineError>> {
    match result {
        Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error); commits],
    }
}

/// The newest revision that this process knows of, and those who wait for a newer one.
pub(crate) struct Head {
    revision: Mutex<Revision>,
    grew: Condvar,
}

impl Head {
    pub(crate) fn at(revision: Revision) -> Self {
        Self { revision: Mutex::new(revision), grew: Condvar::new() }
    }

    pub(crate) fn advance(&self, to: Revision) {
        let mut revision = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        *revision = to.max(*revision);
        drop(revision);
        self.grew.notify_all();
    }

    /// True when there is a revision after `after`, false when `timeout` passed first.
    pub(crate) fn wait(&self, after: Revision, timeout: Duration) -> bool {
        let revision = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.grew.wait_timeout_while(revision, timeout, |revision| *revision <= after);
        *waited.unwrap_or_else(PoisonError::into_inner).0 > after
    }
}
