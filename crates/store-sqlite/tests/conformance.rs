//! The SQLite engine passes the suite.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use bonafide_store::conformance::Place;
use bonafide_store_sqlite::SqliteEngine;
use tempfile::TempDir;

struct Directory(TempDir);

impl Default for Directory {
    fn default() -> Self {
        Self(TempDir::new().unwrap())
    }
}

impl Place for Directory {
    type Engine = SqliteEngine;

    fn open(&self) -> SqliteEngine {
        SqliteEngine::open(self.0.path()).unwrap()
    }
}

bonafide_store::conformance_suite!(Directory);
bonafide_store::durable_conformance_suite!(Directory);
