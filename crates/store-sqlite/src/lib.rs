//! The SQLite engine: one file, write-ahead log, every commit synced to disk before it counts.
//!
//! One connection writes and checkpoints, because SQLite lost committed writes when a checkpoint of
//! another connection raced a write (fixed in 3.51.3, and older versions are refused). Connections
//! that only read are pooled, and a snapshot is a read transaction on one of them.

mod backup;
mod batch;
mod check;
mod condition;
mod connect;
mod directory;
mod error;
mod failure;
mod index;
mod log;
mod newest;
mod open;
mod read;
mod reserve;
mod restore;
mod schema;
mod space;
mod write;

pub use backup::{Backup, copy_store, look};
pub use check::{SQLITE_VERSION_MIN, check_version};
pub use error::OpenError;
#[doc(hidden)]
pub use open::Tuning;
pub use open::{DATABASE_FILE, FILES, SqliteEngine};
pub use restore::Restoring;
