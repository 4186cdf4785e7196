//! Writing: the one connection that commits and checkpoints.

use crate::failure::{commit_failure, failure};
use crate::read::{end, integer, position, revision};
use bonafide_store::audit::{GENESIS, Hash, link};
use bonafide_store::engine::{Commit, Compare, Op, Verdict};
use bonafide_store::{EngineError, Revision};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use std::path::PathBuf;

/// Revisions compacted in one transaction. Source: ours, so that writers wait milliseconds.
const COMPACT_STEP_REVISIONS: u64 = 10_000;

pub(crate) struct Writer {
    path: PathBuf,
    connection: Connection,
}

impl Writer {
    pub(crate) fn new(path: PathBuf, connection: Connection) -> Self {
        Self { path, connection }
    }

    pub(crate) fn commit(&mut self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        batch.iter().try_for_each(Commit::check)?;
        self.transaction(|connection| {
            let mut batch_tx = BatchTx::begin(connection)?;
            let verdicts = batch.iter().map(|commit| batch_tx.apply(commit)).collect::<rusqlite::Result<Vec<_>>>()?;
            let changed = batch_tx.finish()?;
            Ok((verdicts, changed))
        })
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

    /// Runs `body` in a transaction that is made durable when `body` says that it changed something.
    fn transaction<T>(
        &mut self,
        body: impl FnOnce(&Connection) -> rusqlite::Result<(T, bool)>,
    ) -> Result<T, EngineError> {
        let connection = &self.connection;
        let result =
            execute(connection, "BEGIN IMMEDIATE").and_then(|()| body(connection)).map_err(failure(&self.path));
        let result = result.and_then(|(value, changed)| match changed {
            true => execute(connection, "COMMIT").map(|()| value).map_err(commit_failure(&self.path)),
            false => Ok(value),
        });
        // Some errors have rolled back already, others have not.
        if !connection.is_autocommit() {
            let rolled_back = execute(connection, "ROLLBACK").map_err(failure(&self.path));
            return result.and_then(|value| rolled_back.map(|()| value));
        }
        result
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// The statements of a batch, prepared once for all its commits.
struct BatchTx<'c> {
    connection: &'c Connection,
    head: Revision,
    compacted: Revision,
    revision: Revision,
    /// Number and hash of the last audit record, read when it is first needed.
    chain: Option<(i64, Hash)>,
    find_commit: CachedStatement<'c>,
    add_commit: CachedStatement<'c>,
    find_revision: CachedStatement<'c>,
    put: CachedStatement<'c>,
    delete: CachedStatement<'c>,
    log: CachedStatement<'c>,
}

impl<'c> BatchTx<'c> {
    fn begin(connection: &'c Connection) -> rusqlite::Result<Self> {
        let mut meta = connection.prepare_cached("SELECT revision, compacted FROM meta WHERE id = 1")?;
        let (head, compacted) = meta.query_row([], |row| Ok((revision(row.get(0)?), revision(row.get(1)?))))?;
        Ok(Self {
            connection,
            head,
            compacted,
            revision: head,
            chain: None,
            find_commit: connection.prepare_cached("SELECT revision FROM commits WHERE id = ?1")?,
            add_commit: connection.prepare_cached("INSERT INTO commits(id, revision) VALUES (?1, ?2)")?,
            find_revision: connection.prepare_cached("SELECT revision FROM kv WHERE key = ?1")?,
            put: connection.prepare_cached(
                "INSERT INTO kv(key, revision, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT(key) DO UPDATE SET revision = excluded.revision, value = excluded.value",
            )?,
            delete: connection.prepare_cached("DELETE FROM kv WHERE key = ?1")?,
            log: connection.prepare_cached("INSERT INTO log(position, key) VALUES (?1, ?2)")?,
        })
    }

    fn apply(&mut self, commit: &Commit) -> rusqlite::Result<Verdict> {
        let id = commit.id.0.as_bytes().as_slice();
        if let Some(before) = self.find_commit.query_row([id], |row| row.get(0)).optional()? {
            return Ok(Verdict::Committed(revision(before)));
        }
        for compare in &commit.compares {
            if !self.holds(compare)? {
                return Ok(Verdict::Conflict);
            }
        }
        self.revision = self.revision.next();
        self.add_commit.execute(params![id, integer(self.revision.0)])?;
        let first = position(self.revision, 0);
        for (op, position) in commit.ops.iter().zip(first..) {
            self.apply_op(op, position)?;
        }
        for record in &commit.audit {
            self.append(record)?;
        }
        Ok(Verdict::Committed(self.revision))
    }

    fn apply_op(&mut self, op: &Op, position: i64) -> rusqlite::Result<()> {
        let key = match op {
            Op::Put { key, value } => {
                self.put.execute(params![key, integer(self.revision.0), value])?;
                key
            }
            Op::Delete { key } => {
                if self.delete.execute([key])? == 0 {
                    return Ok(());
                }
                key
            }
        };
        self.log.execute(params![position, key]).map(drop)
    }

    fn holds(&mut self, compare: &Compare) -> rusqlite::Result<bool> {
        match compare {
            Compare::Key { key, expect } => {
                let found = self.find_revision.query_row([key], |row| row.get(0)).optional()?;
                Ok(found.map(revision) == *expect)
            }
            Compare::Prefix { since, .. } if *since < self.compacted => Ok(false),
            // Nothing at all happened since, in this batch or before: the common case.
            Compare::Prefix { since, .. } if *since >= self.revision => Ok(true),
            Compare::Prefix { prefix, since } => {
                let sql = "SELECT 1 FROM log WHERE position >= ?1 AND key >= ?2 AND key < ?3 LIMIT 1";
                let mut changed = self.connection.prepare_cached(sql)?;
                Ok(!changed.exists(params![position(since.next(), 0), prefix, end(prefix)])?)
            }
        }
    }

    fn append(&mut self, record: &[u8]) -> rusqlite::Result<()> {
        let (number, previous) = match self.chain {
            Some(last) => last,
            None => {
                let sql = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
                let mut last = self.connection.prepare_cached(sql)?;
                let last = last.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                last.unwrap_or((0, GENESIS))
            }
        };
        let hash = link(&previous, self.revision, record);
        let sql = "INSERT INTO audit(number, revision, record, hash) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = self.connection.prepare_cached(sql)?;
        insert.execute(params![number + 1, integer(self.revision.0), record, hash])?;
        self.chain = Some((number + 1, hash));
        Ok(())
    }

    /// Moves the revision counter; false when nothing was committed.
    fn finish(self) -> rusqlite::Result<bool> {
        if self.revision == self.head {
            return Ok(false);
        }
        let mut advance = self.connection.prepare_cached("UPDATE meta SET revision = ?1 WHERE id = 1")?;
        advance.execute([integer(self.revision.0)])?;
        Ok(true)
    }
}
