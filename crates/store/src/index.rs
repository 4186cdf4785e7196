//! Indexes, and how tables and indexes begin the keys of their rows.

use crate::error::StoreError;
use crate::key::Key;
use crate::limits::KEY_BYTES_MAX;
use std::marker::PhantomData;

/// Longest name of a table or index, in bytes. Source: ours.
const TABLE_NAME_BYTES_MAX: usize = 64;

/// Any number of rows with keys `K` under each `IK`.
pub struct Index<IK, K> {
    pub(crate) name: &'static str,
    types: PhantomData<fn(IK) -> K>,
}

/// At most one row, with key `K`, under each `IK`.
pub struct Unique<IK, K> {
    pub(crate) name: &'static str,
    types: PhantomData<fn(IK) -> K>,
}

impl<IK: Key, K: Key> Index<IK, K> {
    /// An index. The name must be unique among all tables and indexes of the store.
    pub const fn new(name: &'static str) -> Self {
        check_name(name);
        Self { name, types: PhantomData }
    }
}

impl<IK: Key, K: Key> Unique<IK, K> {
    /// A unique index. The name must be unique among all tables and indexes of the store.
    pub const fn new(name: &'static str) -> Self {
        check_name(name);
        Self { name, types: PhantomData }
    }
}

/// The beginning of every key of a table or index: its name, ended by a zero byte so that no name
/// is the beginning of another.
pub(crate) fn prefix(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 64);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes
}

/// The stored key of `key` in a table or index.
pub(crate) fn stored_key(name: &'static str, key: &impl Key) -> Result<Vec<u8>, StoreError> {
    let mut bytes = prefix(name);
    key.encode(&mut bytes);
    check_length(name, bytes)
}

pub(crate) fn check_length(table: &'static str, key: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    match key.len() {
        0..=KEY_BYTES_MAX => Ok(key),
        bytes => Err(StoreError::KeyTooLong { table, bytes, max: KEY_BYTES_MAX }),
    }
}

/// Stops the compilation of a constant with a bad name.
pub(crate) const fn check_name(name: &str) {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty() && bytes.len() <= TABLE_NAME_BYTES_MAX, "a table name has 1 to 64 bytes");
    let mut at = 0;
    while at < bytes.len() {
        assert!(
            matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-'),
            "a table name is made of lower-case letters, digits and dashes"
        );
        at += 1;
    }
}
