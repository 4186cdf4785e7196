//! Tables: constants beside the type that they store.

use crate::engine::Change;
use crate::entries::{Entries, Entry};
use crate::error::StoreError;
use crate::index::check_name;
use crate::key::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Rows of type `V` (stored as JSON) by keys of type `K`.
///
/// ```
/// # use bonafide_store::{Table, Unique};
/// # use bonafide_types::{ClientId, ObjectId};
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Principal { client_id: ClientId }
///
/// const PRINCIPALS: Table<ObjectId, Principal> =
///     Table::indexed("principal", |_, principal, entries| entries.unique(&BY_CLIENT_ID, &principal.client_id));
/// const BY_CLIENT_ID: Unique<ClientId, ObjectId> = Unique::new("principal-by-client-id");
/// ```
pub struct Table<K, V> {
    pub(crate) name: &'static str,
    pub(crate) entries: Option<fn(&K, &V, &mut Entries<'_>)>,
}

impl<K, V> Table<K, V> {
    /// A table without indexes. The name must be unique among all tables and indexes of the store
    /// (lower-case letters, digits and dashes); it is part of what is stored.
    pub const fn new(name: &'static str) -> Self {
        check_name(name);
        Self { name, entries: None }
    }

    /// A table whose rows have the index entries that `entries` names. It must be a pure function
    /// of the row: a later change to it needs the rows to be written again.
    pub const fn indexed(name: &'static str, entries: fn(&K, &V, &mut Entries<'_>)) -> Self {
        check_name(name);
        Self { name, entries: Some(entries) }
    }

    /// The table's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<K: Key, V: DeserializeOwned> Table<K, V> {
    /// The row that a change is about, with its value as `Change::value` describes it; `None` when
    /// the change is to another table or an index. The error is `StoreError::Decode`.
    pub fn decode_change(&self, change: &Change) -> Result<Option<(K, Option<V>)>, StoreError> {
        let key = change.key.strip_prefix(self.name.as_bytes()).and_then(|rest| rest.strip_prefix(&[0]));
        let Some(key) = key else { return Ok(None) };
        let value = change.value.as_deref().map(|bytes| self.decode_value(bytes)).transpose()?;
        Ok(Some((decode_key(self.name, key)?, value)))
    }

    pub(crate) fn decode_value(&self, bytes: &[u8]) -> Result<V, StoreError> {
        serde_json::from_slice(bytes)
            .map_err(|error| StoreError::Decode { table: self.name, reason: error.to_string() })
    }
}

impl<K: Key, V: Serialize + DeserializeOwned> Table<K, V> {
    /// The index entries that a row has, by their keys.
    pub(crate) fn entries_of(&self, row: &[u8], key: &K, value: &V) -> Result<BTreeMap<Vec<u8>, Entry>, StoreError> {
        let mut entries = Entries::new(row);
        if let Some(name_entries) = self.entries {
            name_entries(key, value, &mut entries);
        }
        entries.finish()
    }
}

pub(crate) fn decode_key<K: Key>(table: &'static str, bytes: &[u8]) -> Result<K, StoreError> {
    K::decode(bytes).ok_or_else(|| StoreError::Decode { table, reason: "its key has another form".to_owned() })
}
