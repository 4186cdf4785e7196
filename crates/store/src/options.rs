//! Limits of a store that tests set differently.

use crate::limits::{LOG_REVISIONS_KEPT, QUEUE_COMMITS_MAX};

/// What tests set differently; `default()` is right otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// See `limits::QUEUE_COMMITS_MAX`.
    pub queue_commits_max: usize,
    /// See `limits::LOG_REVISIONS_KEPT`.
    pub log_revisions_kept: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue_commits_max: QUEUE_COMMITS_MAX, log_revisions_kept: LOG_REVISIONS_KEPT }
    }
}
