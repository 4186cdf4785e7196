//! The index entries of a row.

use crate::error::StoreError;
use crate::index::{Index, Unique, check_length, prefix, stored_key};
use crate::key::Key;
use std::collections::BTreeMap;

/// Takes the index entries of one row, in a table's entries function.
pub struct Entries<'a> {
    /// The row's own key, encoded without the table.
    row: &'a [u8],
    found: BTreeMap<Vec<u8>, Entry>,
    failed: Option<StoreError>,
}

/// One index entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) index: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Index key and row key; no value.
    Many,
    /// Index key; the value is the row key.
    Unique,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(row: &'a [u8]) -> Self {
        Self { row, found: BTreeMap::new(), failed: None }
    }

    /// The row is the one found under `key`.
    pub fn unique<IK: Key, K: Key>(&mut self, index: &Unique<IK, K>, key: &IK) {
        self.add(index.name, Kind::Unique, stored_key(index.name, key));
    }

    /// The row is one of those found under `key`.
    pub fn many<IK: Key, K: Key>(&mut self, index: &Index<IK, K>, key: &IK) {
        let mut bytes = prefix(index.name);
        key.encode(&mut bytes);
        bytes.extend_from_slice(self.row);
        self.add(index.name, Kind::Many, check_length(index.name, bytes));
    }

    fn add(&mut self, index: &'static str, kind: Kind, key: Result<Vec<u8>, StoreError>) {
        match key {
            Ok(key) => drop(self.found.insert(key, Entry { index, kind })),
            Err(error) => drop(self.failed.get_or_insert(error)),
        }
    }

    pub(crate) fn finish(self) -> Result<BTreeMap<Vec<u8>, Entry>, StoreError> {
        self.failed.map_or(Ok(self.found), Err)
    }
}
