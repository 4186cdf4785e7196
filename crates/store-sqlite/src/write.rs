//! Writing: the one connection that commits and checkpoints.

use crate::batch::BatchTx;
use crate::condition::Condition;
use crate::error::OpenError;
use crate::failure::{commit_failure, ends_writing, failure};
use crate::log::Log;
use crate::newest::{is_marked, mark_as_marked, read_high_water};
use crate::read::{integer, position, revision};
use crate::reserve::Reserve;
use crate::space::lacking_bytes;
use bonafide_store::engine::{Commit, Verdict};
use bonafide_store::mark::{self, HighWater};
use bonafide_store::{EngineError, Revision};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Revisions compacted in one transaction. Source: ours, so that writers wait milliseconds.
const COMPACT_STEP_REVISIONS: u64 = 10_000;

/// Copies of the database that there are beside it while it is written anew: a file of SQLite's, and the log. Source:
/// <https://www.sqlite.org/lang_vacuum.html>.
const SCRUB_COPIES: u64 = 2;
/// Bytes of the log before that. Source: ours, a checkpoint at 16 MiB and the commit that is over it.
const SCRUB_LOG_BYTES: u64 = 32 * 1024 * 1024;

pub(crate) struct Writer {
    path: PathBuf,
    /// Gone after a failed write or sync, and with it every way to write.
    connection: Option<Connection>,
    /// The newest point that is durable.
    newest: HighWater,
    reserve: Reserve,
    log: Log,
    condition: Arc<Condition>,
}

impl Writer {
    pub(crate) fn new(
        path: PathBuf,
        connection: Connection,
        reserve: Reserve,
        log: Log,
        condition: Arc<Condition>,
    ) -> rusqlite::Result<Self> {
        let newest = read_high_water(&connection)?;
        let mut writer = Self { path, connection: Some(connection), newest, reserve, log, condition };
        writer.fill_reserve();
        Ok(writer)
    }

    /// The newest point that is durable.
    pub(crate) fn newest(&self) -> HighWater {
        self.newest
    }

    /// Makes a mark for a store that has none yet, and has the store remember that it has one.
    pub(crate) fn remember_mark(&mut self, mark: &Path) -> Result<(), OpenError> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let failed = |error| OpenError::sqlite(&self.path, error);
        if is_marked(connection).map_err(failed)? {
            return Ok(());
        }
        // First: a store that remembers a mark that was never made would be refused.
        mark::settle(mark, &self.newest).map_err(|error| OpenError::io(mark, error))?;
        mark_as_marked(connection).map_err(failed)
    }

    /// Makes the reserve whole, if there is room; true when it is.
    pub(crate) fn fill_reserve(&mut self) -> bool {
        let is_whole = self.reserve.fill();
        self.condition.set_reserve(is_whole);
        is_whole
    }

    /// Makes the reserve whole, if there is room, and takes a disk that was full for one that is not once it has room.
    pub(crate) fn look_for_space(&mut self) {
        if self.fill_reserve() && self.reserve.has_room_beside(0) {
            self.condition.set_full(false);
        }
    }

    pub(crate) fn commit(&mut self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        batch.iter().try_for_each(Commit::check)?;
        if batch.iter().all(|commit| commit.may_use_reserve) {
            return self.commit_from_reserve(batch);
        }
        let result = self.commit_beside_reserve(batch);
        match &result {
            Err(EngineError::Full(_)) => self.condition.set_full(true),
            Err(_) => {}
            Ok(_) => self.condition.set_full(false),
        }
        result
    }

    fn commit_from_reserve(&mut self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        loop {
            match self.commit_once(batch) {
                Err(EngineError::Full(_)) if self.release_reserve() => {}
                Ok(verdicts) => {
                    self.use_log_again();
                    return Ok(verdicts);
                }
                refused => return refused,
            }
        }
    }

    /// While the reserve is in use, writes the log into the database, so that the next commit has the log's space: a log
    /// that only became longer would take all of the reserve. The database is given what it lacks for that, if the
    /// reserve has as much.
    fn use_log_again(&mut self) {
        if self.reserve.is_whole() {
            return;
        }
        let Some(lacks) = self.connection.as_ref().and_then(|connection| lacking_bytes(connection, &self.path)) else {
            return;
        };
        while !self.reserve.has_room_for(lacks) && self.reserve.has(lacks) {
            if !self.release_reserve() {
                return;
            }
        }
        if self.reserve.has_room_for(lacks) {
            self.checkpoint_now();
        }
    }

    fn commit_beside_reserve(&mut self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        if self.fill_reserve() {
            return self.commit_once(batch);
        }
        let path = self.path.display();
        Err(EngineError::Full(format!("{path}: what is left of its disk is kept for deletions and starting")))
    }

    fn release_reserve(&mut self) -> bool {
        let is_released = self.reserve.release();
        self.condition.set_reserve(false);
        is_released
    }

    fn commit_once(&mut self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        let newest = self.newest;
        let (verdicts, newest) = self.transaction(|connection| {
            let mut batch_tx = BatchTx::begin(connection, newest)?;
            let verdicts = batch.iter().map(|commit| batch_tx.apply(commit)).collect::<rusqlite::Result<Vec<_>>>()?;
            let (changed, newest) = batch_tx.finish()?;
            Ok(((verdicts, newest), changed))
        })?;
        self.newest = newest;
        self.checkpoint();
        Ok(verdicts)
    }

    /// Writes the log into the database once it is long. SQLite would do so by itself, but ignore a failed sync.
    fn checkpoint(&mut self) {
        if self.log.is_long() {
            self.checkpoint_now();
        }
    }

    fn checkpoint_now(&mut self) {
        let Some(connection) = &self.connection else { return };
        // The part that readers still need is left for the next one; so is all of it when there is no space.
        let done = connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
            .and_then(|mut checkpoint| checkpoint.query_row([], |_| Ok(())));
        if let Err(error) = done
            && ends_writing(&error)
        {
            self.stop(format!("{}: a checkpoint: {error}", self.path.display()));
        }
    }

    /// Ends all writing: the connection closes without touching the file, and there is no other.
    fn stop(&mut self, why: String) {
        if let Some(connection) = self.connection.take() {
            // If this fails, closing writes the log into the database, which the next start does first anyway.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        self.condition.stop(why);
    }

    /// Forgets some of what lies up to `through`; true when there is more to forget.
    pub(crate) fn compact_step(&mut self, through: Revision) -> Result<bool, EngineError> {
        self.transaction(|connection| {
            let meta = "SELECT revision, compacted FROM meta WHERE id = 1";
            let (head, compacted) =
                connection.query_row(meta, [], |row| Ok((revision(row.get(0)?), revision(row.get(1)?))))?;
            let through = through.min(head);
            let step = through.min(Revision(compacted.0.saturating_add(COMPACT_STEP_REVISIONS)));
            if step <= compacted {
                return Ok((false, false));
            }
            connection.execute("UPDATE meta SET compacted = ?1 WHERE id = 1", [integer(step.0)])?;
            connection.execute("DELETE FROM log WHERE position < ?1", [position(step.next(), 0)])?;
            connection.execute("DELETE FROM commits WHERE revision <= ?1", [integer(step.0)])?;
            Ok((step < through, true))
        })
    }

    /// An error where the disk has not the space for [`Self::scrub`], after all rows were written anew.
    pub(crate) fn check_room_to_scrub(&self) -> Result<(), EngineError> {
        let failed = |error| EngineError::Io(format!("{}: {error}", self.path.display()));
        let needed_bytes = SCRUB_COPIES * std::fs::metadata(&self.path).map_err(failed)?.len() + SCRUB_LOG_BYTES;
        if self.reserve.has_room_beside(needed_bytes) {
            return Ok(());
        }
        let (path, mib) = (self.path.display(), needed_bytes.div_ceil(1024 * 1024));
        Err(EngineError::Full(format!("{path}: writing it anew takes up to {mib} MiB")))
    }

    /// Writes the database anew, without what lies in free pages and beside rows, and empties the log. From now on this
    /// connection overwrites what it deletes.
    pub(crate) fn scrub(&mut self) -> Result<(), EngineError> {
        let Some(connection) = &self.connection else { return Err(self.condition.stopped()) };
        let written = connection.execute_batch("PRAGMA secure_delete = ON; VACUUM");
        // Also when there was no space for that: the log is as long as it became, and others need the space.
        let emptied = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        let scrubbed = written.and(emptied);
        if scrubbed.as_ref().is_err_and(ends_writing) {
            self.stop(format!("{}: writing it anew", self.path.display()));
        }
        scrubbed.map_err(failure(&self.path))
    }

    /// Runs `body` in a transaction that is made durable when `body` says that it changed something.
    fn transaction<T>(
        &mut self,
        body: impl FnOnce(&Connection) -> rusqlite::Result<(T, bool)>,
    ) -> Result<T, EngineError> {
        let Some(connection) = &self.connection else { return Err(self.condition.stopped()) };
        let mut is_last = false;
        let noted = |error: rusqlite::Error, meaning: &dyn Fn(rusqlite::Error) -> EngineError| {
            is_last |= ends_writing(&error);
            meaning(error)
        };
        let result = run(connection, &self.path, body, noted);
        if let (true, Err(error)) = (is_last, &result) {
            let why = error.to_string();
            self.stop(why);
        }
        result
    }
}

/// Runs `body` in a transaction; `noted` is shown each error with its meaning.
fn run<T>(
    connection: &Connection,
    path: &Path,
    body: impl FnOnce(&Connection) -> rusqlite::Result<(T, bool)>,
    mut noted: impl FnMut(rusqlite::Error, &dyn Fn(rusqlite::Error) -> EngineError) -> EngineError,
) -> Result<T, EngineError> {
    let result = execute(connection, "BEGIN IMMEDIATE").and_then(|()| body(connection));
    let result = match result {
        Ok((value, true)) => {
            execute(connection, "COMMIT").map(|()| value).map_err(|error| noted(error, &commit_failure(path)))
        }
        Ok((value, false)) => Ok(value),
        Err(error) => Err(noted(error, &failure(path))),
    };
    // Some errors have rolled back already, others have not.
    if !connection.is_autocommit() {
        let rolled_back = execute(connection, "ROLLBACK").map_err(|error| noted(error, &failure(path)));
        return result.and_then(|value| rolled_back.map(|()| value));
    }
    result
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
