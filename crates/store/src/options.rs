//! Limits of a store that tests set differently.

use crate::limits::LOG_REVISIONS_KEPT;

/// Commits waiting for the writer; more are refused as overload. Source: ours, above the number of
/// threads that the shell lets into the store.
const QUEUE_COMMITS_MAX: usize = 1024;

/// The settings that tests change; `default()` is right otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// See `QUEUE_COMMITS_MAX`.
    pub queue_commits_max: usize,
    /// See `limits::LOG_REVISIONS_KEPT`.
    pub log_revisions_kept: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue_commits_max: QUEUE_COMMITS_MAX, log_revisions_kept: LOG_REVISIONS_KEPT }
    }
}
