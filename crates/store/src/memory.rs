//! The memory engine: the whole contract except durability. For tests and throw-away stores.

use crate::audit::{AuditRecord, GENESIS, Hash, link};
use crate::engine::{
    Change, Changes, Commit, CommitId, Compare, Cursor, Engine, Epoch, HighWater, Op, Revision, Snapshot, Verdict,
    Versioned,
};
use crate::error::EngineError;
use crate::trouble::Trouble;
use imbl::OrdMap;
use std::collections::{HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

type Rows = OrdMap<Vec<u8>, Versioned>;

/// A store that is gone with the process.
pub struct MemoryEngine {
    state: Mutex<State>,
}

struct State {
    epoch: Epoch,
    revision: Revision,
    compacted: Revision,
    rows: Rows,
    log: VecDeque<(Revision, Vec<u8>)>,
    commits: HashMap<CommitId, Revision>,
    audit: Vec<AuditRecord>,
}

impl MemoryEngine {
    /// An empty store of the epoch zero.
    pub fn new() -> Self {
        let state = State {
            epoch: Epoch(Uuid::nil()),
            revision: Revision(0),
            compacted: Revision(0),
            rows: OrdMap::new(),
            log: VecDeque::new(),
            commits: HashMap::new(),
            audit: Vec::new(),
        };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for MemoryEngine {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        let state = self.lock();
        Ok(Box::new(MemorySnapshot { cursor: state.cursor(), rows: state.rows.clone() }))
    }

    fn commit(&self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        batch.iter().try_for_each(Commit::check)?;
        let mut state = self.lock();
        Ok(batch.iter().map(|commit| state.apply(commit)).collect())
    }

    fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError> {
        let state = self.lock();
        if after.epoch != state.epoch || after.revision < state.compacted || after.revision > state.revision {
            return Ok(Changes::Reload);
        }
        let mut changes: Vec<Change> = Vec::new();
        let first = state.log.partition_point(|(revision, _)| *revision <= after.revision);
        let asked = |key: &[u8]| prefixes.iter().any(|prefix| key.starts_with(prefix));
        for (revision, key) in state.log.range(first..).filter(|(_, key)| asked(key)) {
            if let Some(last) = changes.last()
                && changes.len() >= limit
                && last.revision != *revision
            {
                let cursor = Cursor { epoch: state.epoch, revision: last.revision };
                return Ok(Changes::Some { changes, cursor });
            }
            let value = state.rows.get(key).map(|row| row.value.clone());
            changes.push(Change { revision: *revision, key: key.clone(), value });
        }
        Ok(Changes::Some { changes, cursor: state.cursor() })
    }

    fn compact(&self, through: Revision) -> Result<(), EngineError> {
        let mut state = self.lock();
        let through = through.min(state.revision);
        if through > state.compacted {
            state.compacted = through;
            let kept = state.log.partition_point(|(revision, _)| *revision <= through);
            state.log.drain(..kept);
            state.commits.retain(|_, revision| *revision > through);
        }
        Ok(())
    }

    fn scrub(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn check_room_to_scrub(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(self.lock().audit.iter().skip(skip).take(limit).cloned().collect())
    }

    fn high_water(&self) -> Result<HighWater, EngineError> {
        let state = self.lock();
        let last = state.audit.last();
        Ok(HighWater {
            cursor: state.cursor(),
            audit_number: last.map_or(0, |last| last.number),
            audit_hash: last.map_or(GENESIS, |last| last.hash),
        })
    }

    fn fails_over(&self) -> bool {
        false
    }

    fn upkeep(&self) {}

    fn troubles(&self) -> Vec<Trouble> {
        Vec::new()
    }
}

impl State {
    fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, revision: self.revision }
    }

    fn apply(&mut self, commit: &Commit) -> Verdict {
        if let Some(revision) = self.commits.get(&commit.id) {
            return Verdict::Committed(*revision);
        }
        if !commit.compares.iter().all(|compare| self.holds(compare)) {
            return Verdict::Conflict;
        }
        let revision = self.revision.next();
        for op in &commit.ops {
            self.apply_op(revision, op);
        }
        for record in &commit.audit {
            let previous: Hash = self.audit.last().map_or(GENESIS, |last| last.hash);
            self.audit.push(AuditRecord {
                number: self.audit.len() as u64 + 1,
                revision,
                record: record.clone(),
                hash: link(&previous, revision, record),
            });
        }
        self.commits.insert(commit.id, revision);
        self.revision = revision;
        Verdict::Committed(revision)
    }

    fn apply_op(&mut self, revision: Revision, op: &Op) {
        match op {
            Op::Put { key, value } => {
                self.rows.insert(key.clone(), Versioned { value: value.clone(), revision });
                self.log.push_back((revision, key.clone()));
            }
            Op::Delete { key } => {
                if self.rows.remove(key).is_some() {
                    self.log.push_back((revision, key.clone()));
                }
            }
        }
    }

    fn holds(&self, compare: &Compare) -> bool {
        match compare {
            Compare::Key { key, expect } => self.rows.get(key).map(|row| row.revision) == *expect,
            Compare::Prefix { prefix, since } => {
                let mut later = self.log.iter().rev().take_while(|(revision, _)| revision > since);
                *since >= self.compacted && !later.any(|(_, key)| key.starts_with(prefix))
            }
        }
    }
}

struct MemorySnapshot {
    cursor: Cursor,
    rows: Rows,
}

impl Snapshot for MemorySnapshot {
    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn get(&self, key: &[u8]) -> Result<Option<Versioned>, EngineError> {
        Ok(self.rows.get(key).cloned())
    }

    fn range(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Versioned)>, EngineError> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let rows = self.rows.range::<_, [u8]>((from, Bound::Unbounded));
        let rows = rows.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(rows.map(|(key, row)| (key.clone(), row.clone())).collect())
    }
}
