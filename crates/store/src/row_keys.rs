//! The keys of the MACs that every stored value ends with (docs/adr/0014-a-mac-on-every-row.md).
//!
//! A stored value is the value, the first 16 bytes of
//! `HMAC-SHA-256(key, "bonafide row v1\0" || key id || length of the key || key || value)`, and the key id (1 byte). The
//! key begins with the table's name and a zero byte; its length is 4 bytes, big-endian.

use aws_lc_rs::{constant_time, hmac, rand};
use bonafide_types::Secret;

/// Size of a key, in bytes. Source: RFC 2104 section 3, the length of the hash.
pub const ROW_KEY_BYTES: usize = 32;
/// Bytes of the HMAC that are stored. Source: RFC 2104 section 5, half of it at least.
const MAC_BYTES: usize = 16;
/// Bytes that follow a value: its MAC and the key's id.
pub(crate) const SEAL_BYTES: usize = MAC_BYTES + 1;
/// The beginning of what is authenticated, so that no MAC of another purpose fits.
const DOMAIN: &[u8] = b"bonafide row v1\0";

/// Names a key among those of its store.
pub type RowKeyId = u8;

/// The keys of one store. New values get the MAC of the newest; those of the others are still known.
pub struct RowKeys {
    newest: RowKey,
    older: Vec<RowKey>,
}

struct RowKey {
    id: RowKeyId,
    key: hmac::Key,
}

impl RowKeys {
    /// Keys by id, the newest and those that older values have their MACs from.
    pub fn new(
        newest: (RowKeyId, &Secret<[u8; ROW_KEY_BYTES]>),
        older: &[(RowKeyId, Secret<[u8; ROW_KEY_BYTES]>)],
    ) -> Self {
        let row_key =
            |id, key: &Secret<[u8; ROW_KEY_BYTES]>| RowKey { id, key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()) };
        Self { newest: row_key(newest.0, newest.1), older: older.iter().map(|(id, key)| row_key(*id, key)).collect() }
    }

    /// A random key that is nowhere else: for a store that is gone with the process.
    #[expect(clippy::disallowed_methods, reason = "a key decides nothing; nobody must know it")]
    pub fn throw_away() -> Self {
        let mut key = [0; ROW_KEY_BYTES];
        // Without it nothing that is stored could be told from what is forged.
        rand::fill(&mut key).expect("the system has a source of random bytes");
        Self::new((1, &Secret::new(key)), &[])
    }

    /// The value as it is stored under `key`.
    pub(crate) fn seal(&self, key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
        let mac = self.newest.mac(key, &value);
        value.reserve_exact(SEAL_BYTES);
        value.extend_from_slice(&mac.as_ref()[..MAC_BYTES]);
        value.push(self.newest.id);
        value
    }

    /// The value of what is stored under `key`; `None` when it was not stored there under one of the keys.
    pub(crate) fn open(&self, key: &[u8], mut stored: Vec<u8>) -> Option<Proven> {
        let (rest, id) = stored.split_last_chunk::<1>()?;
        let (value, mac) = rest.split_last_chunk::<MAC_BYTES>()?;
        let expected = self.find(id[0])?.mac(key, value);
        constant_time::verify_slices_are_equal(&expected.as_ref()[..MAC_BYTES], mac).ok()?;
        stored.truncate(stored.len() - SEAL_BYTES);
        Some(Proven(stored))
    }

    fn find(&self, id: RowKeyId) -> Option<&RowKey> {
        std::iter::once(&self.newest).chain(&self.older).find(|key| key.id == id)
    }
}

impl RowKey {
    fn mac(&self, key: &[u8], value: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        let mut head = [0; DOMAIN.len() + 1 + 4];
        head[..DOMAIN.len()].copy_from_slice(DOMAIN);
        head[DOMAIN.len()] = self.id;
        // Keys have 1,024 bytes at most.
        head[DOMAIN.len() + 1..].copy_from_slice(&(key.len() as u32).to_be_bytes());
        context.update(&head);
        context.update(key);
        context.update(value);
        context.sign()
    }
}

/// Bytes that were stored where they were found, as they are, or are not stored yet. Nothing else is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven(Vec<u8>);

impl Proven {
    /// A value of the transaction that reads it.
    pub(crate) fn own(value: Vec<u8>) -> Self {
        Self(value)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(newest: RowKeyId, older: &[RowKeyId]) -> RowKeys {
        let key = |id: RowKeyId| Secret::new([id; ROW_KEY_BYTES]);
        RowKeys::new((newest, &key(newest)), &older.iter().map(|id| (*id, key(*id))).collect::<Vec<_>>())
    }

    #[test]
    fn du_05_a_value_is_proven_under_its_own_key_and_unchanged_only() {
        let keys = keys(1, &[]);
        let stored = keys.seal(b"table\0key", b"value".to_vec());
        assert_eq!(stored.len(), 5 + SEAL_BYTES);
        assert_eq!(keys.open(b"table\0key", stored.clone()).unwrap().bytes(), b"value");
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(keys.open(b"table\0key", changed), None, "byte {at}, bit {bit}");
            }
        }
        for cut in 0..stored.len() {
            assert_eq!(keys.open(b"table\0key", stored[..cut].to_vec()), None);
        }
        for key in [b"table\0kez".as_slice(), b"other\0key", b"table\0keyv", b""] {
            assert_eq!(keys.open(key, stored.clone()), None);
        }
        // The boundary between key and value is authenticated, too.
        let mut moved = b"alue".to_vec();
        moved.extend_from_slice(&stored[5..]);
        assert_eq!(keys.open(b"table\0keyv", moved), None);
    }

    #[test]
    fn du_05_a_key_can_be_replaced_while_older_values_are_there() {
        let (old, both, new) = (keys(1, &[]), keys(2, &[1]), keys(2, &[]));
        let stored = old.seal(b"key", b"value".to_vec());
        assert!(both.open(b"key", stored.clone()).is_some());
        assert_eq!(new.open(b"key", stored.clone()), None);
        let rewritten = both.seal(b"key", b"value".to_vec());
        assert!(new.open(b"key", rewritten.clone()).is_some() && both.open(b"key", rewritten.clone()).is_some());
        // The id alone moves no value to another key.
        let mut claimed = stored;
        *claimed.last_mut().unwrap() = 2;
        assert_eq!(both.open(b"key", claimed), None);
    }

    #[test]
    fn the_form_of_a_stored_value_stays() {
        let stored = keys(1, &[]).seal(b"lock\0\x01", b"{}".to_vec());
        // Computed with Python's hmac from the format above.
        assert_eq!(stored, [b"{}".as_slice(), FORM, &[1]].concat());
    }

    const FORM: &[u8] = b"\x6a\x9a\xbc\x33\xc0\x66\x79\x8e\x9c\x93\x32\x08\x1a\x19\x31\x0c";
}
