//! The rows that a batch of commits writes, in one transaction.

use crate::read::{end, integer, position, revision};
use bonafide_store::Revision;
use bonafide_store::audit::link;
use bonafide_store::engine::{Commit, Compare, Op, Verdict};
use bonafide_store::mark::HighWater;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

/// The statements of a batch, prepared once for all its commits.
pub(crate) struct BatchTx<'c> {
    connection: &'c Connection,
    head: Revision,
    compacted: Revision,
    revision: Revision,
    /// The newest point, as it is when the batch is durable.
    newest: HighWater,
    find_commit: CachedStatement<'c>,
    add_commit: CachedStatement<'c>,
    find_revision: CachedStatement<'c>,
    put: CachedStatement<'c>,
    delete: CachedStatement<'c>,
    log: CachedStatement<'c>,
}

impl<'c> BatchTx<'c> {
    /// Of a batch that begins at `newest`.
    pub(crate) fn begin(connection: &'c Connection, newest: HighWater) -> rusqlite::Result<Self> {
        let mut meta = connection.prepare_cached("SELECT revision, compacted FROM meta WHERE id = 1")?;
        let (head, compacted) = meta.query_row([], |row| Ok((revision(row.get(0)?), revision(row.get(1)?))))?;
        Ok(Self {
            connection,
            head,
            compacted,
            revision: head,
            newest,
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

    /// One commit, unless something it compares has changed.
    pub(crate) fn apply(&mut self, commit: &Commit) -> rusqlite::Result<Verdict> {
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
        let number = self.newest.audit_number + 1;
        let hash = link(&self.newest.audit_hash, self.revision, record);
        let sql = "INSERT INTO audit(number, revision, record, hash) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = self.connection.prepare_cached(sql)?;
        insert.execute(params![integer(number), integer(self.revision.0), record, hash])?;
        (self.newest.audit_number, self.newest.audit_hash) = (number, hash);
        Ok(())
    }

    /// Moves the revision counter: false when nothing was committed, and the newest point.
    pub(crate) fn finish(mut self) -> rusqlite::Result<(bool, HighWater)> {
        if self.revision == self.head {
            return Ok((false, self.newest));
        }
        let mut advance = self.connection.prepare_cached("UPDATE meta SET revision = ?1 WHERE id = 1")?;
        advance.execute([integer(self.revision.0)])?;
        self.newest.cursor.revision = self.revision;
        Ok((true, self.newest))
    }
}
