//! The errors of the store.

/// An engine could not do what it was asked. One failure is told to every commit of a batch, so it
/// can be cloned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No space is left; what is stored is intact, and writing works again when there is space.
    #[error("no space left for the store: {0}; make space")]
    Full(String),
    /// Reading or writing failed; nothing was committed.
    #[error("the store cannot be read or written: {0}")]
    Io(String),
    /// A stored value is not the one that was written.
    #[error("the store is damaged: {0}; restore a backup")]
    Damaged(String),
    /// The commit may or may not have happened.
    #[error("it is unknown whether the store committed: {0}")]
    OutcomeUnknown(String),
    /// Writing or syncing failed before: nothing is written any more until a restart.
    #[error(
        "the store takes no more writes, because this failed: {0}; look for the disk's trouble in the system's log, then start again"
    )]
    Stopped(String),
    /// The batch breaks a limit of the contract: an error in the program, not in the store.
    #[error("the store was asked for something impossible: {0}")]
    Invalid(String),
}

/// A transaction or read failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed; nothing was committed unless it says that the outcome is unknown.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A value or audit record could not be written as JSON.
    #[error("a value of table '{table}' cannot be written as JSON: {reason}")]
    Encode {
        /// The table, or `audit`.
        table: &'static str,
        /// serde_json's error.
        reason: String,
    },
    /// A stored row is not what this program expects there.
    #[error("a row of table '{table}' cannot be read: {reason}")]
    Decode {
        /// The table or index.
        table: &'static str,
        /// The fault of the row.
        reason: String,
    },
    /// A row or index entry is not the one that was stored, and nobody may act as if it were not there.
    #[error("row {row} of '{table}' in the store is damaged; restore the store from a backup")]
    DamagedRow {
        /// The table or index.
        table: &'static str,
        /// Its name in `/readyz` and the log, `DamagedRow::name`.
        row: String,
    },
    /// A database that says that not all rows have MACs yet, and a mark that says that they have.
    #[error(
        "the rows of the store have no MACs, as those of an old version, but its mark says that they had: the database was \
         changed, or an old backup restored; restore a newer backup, or restore the old one, if nobody can have changed it, into a new \
         data directory with a copy of the key file"
    )]
    MacsTakenAway,
    /// A key is longer than `limits::KEY_BYTES_MAX`.
    #[error("a key of table '{table}' has {bytes} bytes; at most {max} are possible")]
    KeyTooLong {
        /// The table or index.
        table: &'static str,
        /// The key's length, table name included.
        bytes: usize,
        /// `limits::KEY_BYTES_MAX`.
        max: usize,
    },
    /// A value is larger than `limits::ROW_BYTES_MAX`.
    #[error("a value of table '{table}' has {bytes} bytes; at most {max} are possible")]
    ValueTooLarge {
        /// The table, or `audit`.
        table: &'static str,
        /// The value's length as JSON.
        bytes: usize,
        /// `limits::ROW_BYTES_MAX`.
        max: usize,
    },
    /// A value is nested more than `limits::ROW_LEVELS_MAX` deep: it could not be read back.
    #[error("a value of table '{table}' is nested more than {max} deep")]
    TooDeep {
        /// The table, or `audit`.
        table: &'static str,
        /// `limits::ROW_LEVELS_MAX`.
        max: usize,
    },
    /// The transaction changes too much for one commit; larger work must be a resumable job.
    #[error("a transaction may change at most {max} keys (rows, index entries and audit records together)")]
    TooManyOps {
        /// `limits::COMMIT_OPS_MAX`.
        max: usize,
    },
    /// The transaction reads too much for one commit.
    #[error("a transaction may depend on at most {max} keys and prefixes")]
    TooManyReads {
        /// `limits::COMMIT_COMPARES_MAX`.
        max: usize,
    },
    /// Another row has this entry of a unique index; the caller should have looked first.
    #[error("unique index '{index}' has this entry already, for another row")]
    Taken {
        /// The index.
        index: &'static str,
    },
    /// An operation of the transaction failed, and its body went on as if it had not.
    #[error("the transaction cannot commit: an error inside it was ignored: {0}")]
    Ignored(String),
    /// Others changed what the transaction read, every time it was tried.
    #[error("others kept changing what the transaction reads; gave up after {attempts} attempts")]
    Contended {
        /// `limits::WRITE_ATTEMPTS_MAX`.
        attempts: usize,
    },
    /// More commits wait for the writer than it takes.
    #[error("the store is overloaded: {waiting} commits are waiting")]
    Overloaded {
        /// The length of the queue.
        waiting: usize,
    },
    /// `write` was called inside the body of `write`.
    #[error("a transaction was started inside another one")]
    Nested,
    /// The writer has stopped, through an error in the program.
    #[error("the store's writer has stopped")]
    Stopped,
}
