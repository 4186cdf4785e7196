//! The key-encryption key: 32 bytes, in a file outside the database.

use crate::{random, thumbprint};
use bonafide_types::Secret;
use std::fmt;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Size of the key, and of its file, in bytes.
pub const KEK_BYTES: usize = 32;

/// A key-encryption key. It wraps the keys of sealed items and nothing else.
pub struct Kek {
    key: Secret<[u8; KEK_BYTES]>,
    id: [u8; 8],
}

impl Kek {
    /// A key of these bytes, which must be random.
    pub fn from_bytes(key: Secret<[u8; KEK_BYTES]>) -> Self {
        let mut id = [0; 8];
        let named = Zeroizing::new([b"bonafide kek id v1\0".as_slice(), key.expose()].concat());
        id.copy_from_slice(&thumbprint::sha256(&named)[..8]);
        Self { key, id }
    }

    /// A new random key, in no file yet.
    pub fn generate() -> Self {
        Self::from_bytes(Secret::new(random::bytes()))
    }

    /// Reads the bytes of a key.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut key = Zeroizing::new([0; KEK_BYTES]);
        from.read_exact(&mut *key)?;
        Ok(Self::from_bytes(Secret::new(*key)))
    }

    /// Writes the bytes of this key.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(self.key.expose())
    }

    /// A name for this key: it tells which key wrapped an item, and nothing about the key.
    pub fn id(&self) -> [u8; 8] {
        self.id
    }

    pub(crate) fn key(&self) -> &[u8; KEK_BYTES] {
        self.key.expose()
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kek").field("id", &thumbprint::hex(&self.id)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_and_read_back_and_a_short_one_is_refused() {
        let made = Kek::generate();
        let mut bytes = Vec::new();
        made.write(&mut bytes).unwrap();
        assert_eq!(bytes.len(), KEK_BYTES);
        assert_eq!(Kek::read(&mut bytes.as_slice()).unwrap().id(), made.id());
        assert!(Kek::read(&mut &bytes[1..]).is_err());
    }

    #[test]
    fn a_key_does_not_print() {
        let kek = Kek::from_bytes(Secret::new([0x41; 32]));
        let printed = format!("{kek:?}");
        assert!(!printed.contains("65") && !printed.contains("4141") && !printed.contains("AAAA"), "{printed}");
    }
}
