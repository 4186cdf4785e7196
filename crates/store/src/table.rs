//! Tables: constants beside the type that they store.

use crate::absence::{Absence, Declaration, Source};
use crate::entries::{Entries, Entry};
use crate::error::StoreError;
use crate::index::check_name;
use crate::key::Key;
use crate::row_keys::Proven;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Rows of type `V` (stored as JSON) by keys of type `K`.
///
/// ```
/// # use bonafide_store::{Absence, Table, Unique};
/// # use bonafide_types::{ClientId, ObjectId};
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Principal { client_id: ClientId }
///
/// const PRINCIPALS: Table<ObjectId, Principal> =
///     Table::indexed("principal", Absence::Withholds, |_, principal, entries| {
///         entries.unique(&BY_CLIENT_ID, &principal.client_id);
///     });
/// const BY_CLIENT_ID: Unique<ClientId, ObjectId> = Unique::new("principal-by-client-id");
/// ```
pub struct Table<K, V> {
    pub(crate) name: &'static str,
    pub(crate) absence: Absence,
    pub(crate) entries: Option<fn(&K, &V, &mut Entries<'_>)>,
}

impl<K, V> Table<K, V> {
    /// A table without indexes. The name must be unique among all tables and indexes of the store
    /// (lower-case letters, digits and dashes); it is part of what is stored.
    pub const fn new(name: &'static str, absence: Absence) -> Self {
        check_name(name);
        Self { name, absence, entries: None }
    }

    /// A table whose rows have the index entries that `entries` names. It must be a pure function
    /// of the row: a later change to it needs the rows to be written again.
    pub const fn indexed(name: &'static str, absence: Absence, entries: fn(&K, &V, &mut Entries<'_>)) -> Self {
        check_name(name);
        Self { name, absence, entries: Some(entries) }
    }

    /// The table's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The table without its types, for `Store::check`.
    pub const fn declaration(&self) -> Declaration {
        Declaration { name: self.name, absence: self.absence }
    }

    pub(crate) const fn source(&self) -> Source {
        self.declaration().source()
    }
}

impl<K: Key, V: DeserializeOwned> Table<K, V> {
    /// The key of a row of this table, from its stored key; `None` when that is of another table or an index.
    pub(crate) fn key_of(&self, stored: &[u8]) -> Result<Option<K>, StoreError> {
        let key = stored.strip_prefix(self.name.as_bytes()).and_then(|rest| rest.strip_prefix(&[0]));
        key.map(|key| decode_key(self.name, key)).transpose()
    }

    pub(crate) fn decode_value(&self, value: &Proven) -> Result<V, StoreError> {
        serde_json::from_slice(value.bytes())
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
