//! The store's limits that bound several of its files, one constant each, with its unit and source.

use crate::row_keys::SEAL_BYTES;

/// Longest key, in bytes, table name included. Source: ours, docs/adr/0002.
pub const KEY_BYTES_MAX: usize = 1024;
/// Largest row or audit record, in bytes of JSON. Source: ours, docs/adr/0002.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;
/// Objects and arrays in one another in a row or audit record. Source: serde_json, which reads back 127.
pub const ROW_LEVELS_MAX: usize = 127;
/// Largest value of an engine, in bytes: a row and its MAC. Source: ours, docs/adr/0014.
pub const VALUE_BYTES_MAX: usize = ROW_BYTES_MAX + SEAL_BYTES;
/// Operations in one commit: rows, index entries and audit records together. Source: ours; a resource
/// with 1,000 identities needs three or four for each.
pub const COMMIT_OPS_MAX: usize = 4096;
/// Keys and prefixes that one transaction may depend on. Source: ours, four for each operation.
pub const COMMIT_COMPARES_MAX: usize = 4 * COMMIT_OPS_MAX;

/// Runs of a transaction's body in all. Source: ours; alone in its process, a transaction can only
/// lose to other processes.
pub const WRITE_ATTEMPTS_MAX: usize = 16;

/// Revisions that the change log keeps: how far behind a follower may be without reloading. Source:
/// ours; at 100 writes a second about 17 minutes.
pub const LOG_REVISIONS_KEPT: u64 = 100_000;
/// Revisions between two compactions. Source: ours, so that one compaction stays in the milliseconds.
pub const COMPACT_EVERY_REVISIONS: u64 = 1_000;

/// Bytes by which a transaction that takes something away may make the store larger and still be written on a full disk:
/// keys, values and audit records, less what they replace and what is deleted. Source: ours; the record of a deletion and
/// the operation that goes on with it have some KiB together.
pub const RESERVE_GROWTH_BYTES_MAX: usize = 16 * 1024;
/// Bytes by which such a transaction may make a row larger that is there already. Source: ours; a mark, a time or how far an
/// operation has come. Who has many things to give up must not fill the space with what is written in their place.
pub const RESERVE_ROW_GROWTH_BYTES_MAX: usize = 2 * 1024;
