//! An engine that does something of its own for a commit, and is the engine inside for all else: for
//! tests and measurements.

use crate::audit::AuditRecord;
use crate::engine::{Changes, Commit, Cursor, Engine, HighWater, Revision, Snapshot, Verdict};
use crate::error::EngineError;
use crate::trouble::Trouble;

/// An engine whose commits go to a function, with the engine that they were meant for.
pub struct Intercepted<E, F> {
    /// The engine inside.
    pub engine: E,
    /// The function that stands in for a commit.
    pub commit: F,
}

impl<E, F> Engine for Intercepted<E, F>
where
    E: Engine,
    F: Fn(&E, &[Commit]) -> Result<Vec<Verdict>, EngineError> + Send + Sync + 'static,
{
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        self.engine.snapshot()
    }

    fn commit(&self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        (self.commit)(&self.engine, batch)
    }

    fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError> {
        self.engine.changes(after, prefixes, limit)
    }

    fn compact(&self, through: Revision) -> Result<(), EngineError> {
        self.engine.compact(through)
    }

    fn scrub(&self) -> Result<(), EngineError> {
        self.engine.scrub()
    }

    fn check_room_to_scrub(&self) -> Result<(), EngineError> {
        self.engine.check_room_to_scrub()
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        self.engine.audit(after, limit)
    }

    fn high_water(&self) -> Result<HighWater, EngineError> {
        self.engine.high_water()
    }

    fn fails_over(&self) -> bool {
        self.engine.fails_over()
    }

    fn upkeep(&self) {
        self.engine.upkeep();
    }

    fn troubles(&self) -> Vec<Trouble> {
        self.engine.troubles()
    }
}
