//! The store's limits, one constant each, with its unit and source.

use std::time::Duration;

/// Longest key, in bytes, table name included. Source: ours, docs/adr/0002.
pub const KEY_BYTES_MAX: usize = 1024;
/// Largest value or audit record, in bytes. Source: ours, docs/adr/0002.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// Operations in one commit: rows, index entries and audit records together. Source: ours; a resource
/// with 1,000 identities needs three or four for each.
pub const COMMIT_OPS_MAX: usize = 4096;
/// Keys and prefixes that one transaction may depend on. Source: ours, four for each operation.
pub const COMMIT_COMPARES_MAX: usize = 4 * COMMIT_OPS_MAX;
/// Longest name of a table or index, in bytes. Source: ours.
pub const TABLE_NAME_BYTES_MAX: usize = 64;

/// Commits written in one database transaction. Source: ours; measured, there is
/// no gain above 64, and a batch is what one engine error takes down with it.
pub const BATCH_COMMITS_MAX: usize = 64;
/// Operations after which a batch takes no more commits. Source: ours, bounds how long the engine's
/// write lock is held.
pub const BATCH_OPS_MAX: usize = 4096;
/// How long a batch smaller than the last one waits for each further commit. Source: ours, less than
/// a sync takes; measured with 16 writers, batches of 15 instead of 11.
pub const BATCH_GAP: Duration = Duration::from_micros(50);
/// Commits waiting for the writer; more are refused as overload. Source: ours, above the number of
/// threads that the shell lets into the store.
pub const QUEUE_COMMITS_MAX: usize = 1024;
/// How often a batch whose outcome is unknown is given to the engine. Source: ours.
pub const BATCH_ATTEMPTS_MAX: usize = 3;

/// Runs of a transaction's body beside other writers before it gets this process's writers out of
/// its way. Source: ours.
pub const WRITE_ATTEMPTS_SHARED: usize = 4;
/// Runs of a transaction's body in all. Source: ours; alone in its process, a transaction can only
/// lose to other processes.
pub const WRITE_ATTEMPTS_MAX: usize = 16;

/// Revisions that the change log keeps: how far behind a follower may be without reloading. Source:
/// ours; at 100 writes a second about 17 minutes.
pub const LOG_REVISIONS_KEPT: u64 = 100_000;
/// Revisions between two compactions. Source: ours, so that one compaction stays in the milliseconds.
pub const COMPACT_EVERY_REVISIONS: u64 = 1_000;
