//! The lasting troubles of a store, for the log and for health.

/// A trouble that goes on, while all that can is done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Writing or syncing failed; nothing is written any more until a restart has read what is there.
    #[error(
        "nothing is written any more, because this failed: {0}; look for the disk's trouble in the system's log, then start again"
    )]
    WritesStopped(String),
    /// The last write that takes nothing away found no space, or the space that is kept for deletions and starting is not
    /// all there.
    #[error("the disk is full: only what takes something away is written, from the space kept for it; make space")]
    DeletionsOnly,
    /// The high-water mark cannot be written.
    #[error(
        "the high-water mark is not kept any more, because this failed: {0}; a store that is put back is not noticed until the next start"
    )]
    MarkNotKept(String),
    /// Secrets that an older version stored are still in the database: there was no space to write it anew.
    #[error(
        "secrets that an older version stored are still in the database, which shows them to nobody: {0}, then start \
         again"
    )]
    SecretsLeft(String),
    /// The engine failed over to an older state.
    #[error("the store is not the newest: it {0}")]
    BelowMark(String),
}
