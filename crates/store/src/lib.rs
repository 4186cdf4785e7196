//! The store: a small contract for engines, typed tables above it, and the memory engine.
//!
//! Reasons and the exact promises: `docs/adr/0002-store-contract.md`. In short: a transaction is a
//! closure that may run again, all its reads are at one revision and hold when it commits, and
//! revisions are gapless and in commit order, so that a follower who reads `changes` misses nothing.

mod absence;
pub mod audit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod damage;
pub mod engine;
mod entries;
mod error;
mod index;
#[cfg(feature = "interception")]
mod intercepted;
mod key;
mod levels;
pub mod limits;
mod locked;
pub mod mark;
mod memory;
mod options;
mod read;
mod reserve;
mod revision;
mod row_keys;
mod rows;
mod store;
mod table;
mod trouble;
mod tx;
mod writer;

pub use absence::{Absence, Declaration};
pub use damage::{DAMAGED_ROWS_NAMED_MAX, DamagedRow, DamagedRows};
pub use engine::{Change, Changes, Cursor, Epoch};
pub use entries::Entries;
pub use error::{EngineError, StoreError};
pub use index::{Index, Unique};
#[cfg(feature = "interception")]
pub use intercepted::Intercepted;
pub use key::Key;
pub use locked::{Cleaning, Locked, OpenMarkedError, SealRowsError};
pub use memory::MemoryEngine;
pub use options::Options;
pub use read::{Read, ReadTx};
pub use revision::Revision;
pub use row_keys::{ROW_KEY_BYTES, RowKeyId, RowKeys};
pub use rows::StoredRows;
pub use store::Store;
pub use table::Table;
pub use trouble::Trouble;
pub use tx::Tx;
