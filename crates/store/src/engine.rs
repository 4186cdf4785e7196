//! All that may be asked of a storage engine.
//!
//! Keys and values are bytes here; what they mean is decided above (`Table`). An engine promises:
//!
//! - **Durability**: when `commit` returns, every `Verdict::Committed` of it survives the death of
//!   the process and, as far as the engine's disk keeps its word, of the machine.
//! - **Order**: the n-th committed `Commit` of a store has revision n: no gap, no reordering.
//! - **Isolation**: a `Commit` is applied whole or not at all, and its compares are true of the
//!   state that it is applied to.

use crate::audit::{AuditRecord, Hash};
use crate::error::EngineError;
use crate::limits::{COMMIT_OPS_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use crate::revision::Revision;
use crate::trouble::Trouble;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One history of revisions. It changes on restore and on fail-over to an older state: a revision
/// number then no longer means what it meant, and every follower reloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub Uuid);

/// A point in one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The history.
    pub epoch: Epoch,
    /// The last revision seen.
    pub revision: Revision,
}

/// The newest point of a store: its revision, and the last record of its audit chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighWater {
    /// The epoch and the newest revision.
    pub cursor: Cursor,
    /// The number of the last audit record; 0 when there is none.
    pub audit_number: u64,
    /// Its hash; `audit::GENESIS` when there is none.
    pub audit_hash: Hash,
}

/// A value and the revision that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The bytes, as they were put.
    pub value: Vec<u8>,
    /// The commit that put them.
    pub revision: Revision,
}

/// Names a commit so that it can be tried again when its outcome is unknown. Unique over all
/// processes that share the store; engines remember it until its revision is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(pub Uuid);

/// A condition on the state, without which a commit is not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key was last put at this revision, or is absent.
    Key {
        /// The key.
        key: Vec<u8>,
        /// The revision that put its value; `None`: the key is absent.
        expect: Option<Revision>,
    },
    /// No key with this prefix was put or deleted after `since`. False as well when `since` lies
    /// before what was compacted: nobody can tell any more.
    Prefix {
        /// The first bytes of the keys meant.
        prefix: Vec<u8>,
        /// The revision at which they were read.
        since: Revision,
    },
}

/// One change to one key. Within a commit later operations win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Stores a value, new or in place of the old.
    Put {
        /// At most `limits::KEY_BYTES_MAX`.
        key: Vec<u8>,
        /// At most `limits::VALUE_BYTES_MAX`.
        value: Vec<u8>,
    },
    /// Removes a key; nothing happens, and nothing is logged, when it is absent.
    Delete {
        /// At most `limits::KEY_BYTES_MAX`.
        key: Vec<u8>,
    },
}

/// The request of one transaction to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name, for trying again.
    pub id: CommitId,
    /// All must be true.
    pub compares: Vec<Compare>,
    /// At most `limits::COMMIT_OPS_MAX`.
    pub ops: Vec<Op>,
    /// Records for the audit chain, appended in this commit; each at most `limits::VALUE_BYTES_MAX`.
    pub audit: Vec<Vec<u8>>,
    /// True if it may use the space that an engine keeps for a full disk: it takes something away and adds
    /// little, or a start needs it.
    pub may_use_reserve: bool,
}

impl Commit {
    /// Checks the limits of the contract. Engines call it before they apply anything.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.ops.len() + self.audit.len() > COMMIT_OPS_MAX {
            return Err(EngineError::Invalid(format!("a commit of more than {COMMIT_OPS_MAX} operations")));
        }
        for op in &self.ops {
            let (key, value) = match op {
                Op::Put { key, value } => (key, value.as_slice()),
                Op::Delete { key } => (key, [].as_slice()),
            };
            if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
                return Err(EngineError::Invalid("a key or value that is too long".to_owned()));
            }
        }
        if self.audit.iter().any(|record| record.len() > VALUE_BYTES_MAX) {
            return Err(EngineError::Invalid("an audit record that is too long".to_owned()));
        }
        Ok(())
    }
}

/// The result of one commit of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored, at this revision.
    Committed(Revision),
    /// A compare was false; nothing of it is stored.
    Conflict,
}

impl Verdict {
    /// The revision, if it committed.
    pub const fn revision(&self) -> Option<Revision> {
        match self {
            Self::Committed(revision) => Some(*revision),
            Self::Conflict => None,
        }
    }
}

/// One key that a commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit.
    pub revision: Revision,
    /// The key.
    pub key: Vec<u8>,
    /// The value **as of this revision or newer**, `None` when the key is gone by then: engines keep
    /// which keys a revision changed, not what they held. A follower who applies changes in order
    /// converges, and holds exactly the state of a revision whenever its cursor reaches the head.
    pub value: Option<Vec<u8>>,
}

/// The changes after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// The changes in commit order, never part of a revision.
    Some {
        /// Empty when nothing changed.
        changes: Vec<Change>,
        /// The cursor from which to go on. It equals the head when there is no more for now.
        cursor: Cursor,
    },
    /// The cursor lies before what was compacted, after the head, or in another epoch: read all
    /// that is followed again, from one snapshot, and go on at that snapshot's cursor.
    Reload,
}

/// A storage engine. Its methods may block on disk or network; none is called from async code.
pub trait Engine: Send + Sync + 'static {
    /// A consistent view of the newest committed state.
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError>;

    /// Applies the commits of a batch in order, in one database transaction, each with a verdict of
    /// its own: later ones see what earlier ones did. A commit whose id is known already was
    /// applied before and gets that revision again.
    ///
    /// On an error no commit of the batch is applied, except for `EngineError::OutcomeUnknown`. An engine that can
    /// lose an answer (a connection) asks again itself, by the commits' ids. After a failed write or sync it writes
    /// nothing any more: what a second sync says of the first one's data is not true (`EngineError::Stopped`).
    fn commit(&self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError>;

    /// The changes after a cursor: about `limit` changes (the last revision is always whole, and
    /// at least one revision is given if there is one), of keys that start with one of `prefixes`.
    fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError>;

    /// Forgets which keys changed and which commit ids were used up to and including `through` (or
    /// the head, if that is less). Stored values and the audit chain stay.
    fn compact(&self, through: Revision) -> Result<(), EngineError>;

    /// Clears what was overwritten and deleted before from all that the engine has stored. Once, and may take a while.
    fn scrub(&self) -> Result<(), EngineError>;

    /// `EngineError::Full` where there is not the space that writing all rows anew and `scrub` take.
    fn check_room_to_scrub(&self) -> Result<(), EngineError>;

    /// At most `limit` audit records after number `after` (0: from the start), in order.
    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError>;

    /// The newest point that is durable.
    fn high_water(&self) -> Result<HighWater, EngineError>;

    /// True for an engine that by itself goes on from an older state when a part of it fails: a store below its mark is
    /// then a trouble that is told, and otherwise no store.
    fn fails_over(&self) -> bool;

    /// Makes good what can be made good by now, such as space that is kept. Called now and then.
    fn upkeep(&self);

    /// The troubles that go on. Never waits for a write.
    fn troubles(&self) -> Vec<Trouble>;
}

/// The state at one revision; what is committed meanwhile does not show.
pub trait Snapshot {
    /// The revision this is the state of.
    fn cursor(&self) -> Cursor;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Versioned>, EngineError>;

    /// At most `limit` keys that start with `prefix` and lie after `after`, in byte order.
    fn range(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Versioned)>, EngineError>;
}

/// The smallest key above every key with this prefix; `None` when there is none (the prefix is
/// empty or all `0xFF`). For engines that ask for ranges.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_its_last_byte_can_still_grow() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(b"a\xFF\xFF"), Some(b"b".to_vec()));
        assert_eq!(prefix_end(b"\xFF"), None);
        assert_eq!(prefix_end(b""), None);
    }
}
