//! Keys as bytes that sort like the values they stand for.

use bonafide_types::{Id, Timestamp};
use uuid::Uuid;

/// Something that rows are found by.
///
/// An encoding sorts like its value and is never the beginning of another value's encoding, so the
/// encoding of a tuple is that of its parts one after the other, and the leading parts of a tuple
/// are a prefix of it.
pub trait Key: Sized {
    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads one value from the front of `bytes` and moves past it; `None` when there is none.
    fn take(bytes: &mut &[u8]) -> Option<Self>;

    /// Reads the value that `bytes` is the encoding of.
    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let value = Self::take(&mut bytes)?;
        bytes.is_empty().then_some(value)
    }
}

/// The only value: for "all of the table" as a prefix.
impl Key for () {
    fn encode(&self, _out: &mut Vec<u8>) {}

    fn take(_bytes: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl Key for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_be_bytes(*head))
    }
}

impl Key for Uuid {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_bytes(*head))
    }
}

impl Key for Timestamp {
    fn encode(&self, out: &mut Vec<u8>) {
        self.unix_micros().encode(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        u64::take(bytes).map(Self::from_unix_micros)
    }
}

impl<K> Key for Id<K> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.uuid().encode(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Uuid::take(bytes).map(Self::new)
    }
}

/// Follows the last byte of a string. A zero byte within it is written as `ZERO`; both start with
/// zero, and `END` is the smaller, so a string sorts before its extensions.
const END: [u8; 2] = [0, 1];
const ZERO: [u8; 2] = [0, 0xFF];

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_str().encode(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        loop {
            let zero = bytes.iter().position(|byte| *byte == 0)?;
            text.extend_from_slice(&bytes[..zero]);
            let (mark, rest) = bytes[zero..].split_first_chunk::<2>()?;
            *bytes = rest;
            match *mark {
                END => return Self::from_utf8(text).ok(),
                ZERO => text.push(0),
                _ => return None,
            }
        }
    }
}

/// Written like a `String`, never read back: for prefixes.
impl Key for &str {
    fn encode(&self, out: &mut Vec<u8>) {
        for byte in self.bytes() {
            match byte {
                0 => out.extend_from_slice(&ZERO),
                _ => out.push(byte),
            }
        }
        out.extend_from_slice(&END);
    }

    fn take(_bytes: &mut &[u8]) -> Option<Self> {
        None
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::take(bytes)?, B::take(bytes)?))
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
        self.2.encode(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::take(bytes)?, B::take(bytes)?, C::take(bytes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(key: &impl Key) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode(&mut out);
        out
    }

    /// Strings that collide often, zero bytes and extensions of one another included.
    fn text() -> impl Strategy<Value = String> {
        "[\u{0}\u{1}a\u{ff}]{0,4}"
    }

    proptest! {
        #[test]
        fn encodings_sort_like_their_values_and_read_back(
            a in (text(), any::<u64>(), text()), b in (text(), any::<u64>(), text()),
        ) {
            prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.cmp(&b));
            prop_assert_eq!(<(String, u64, String)>::decode(&bytes(&a)), Some(a));
        }

        #[test]
        fn a_prefix_is_that_of_equal_leading_parts_only(a in (text(), text()), b in text()) {
            prop_assert_eq!(bytes(&a).starts_with(&bytes(&b.as_str())), a.0 == b);
        }
    }

    #[test]
    fn bytes_left_over_are_not_a_key() {
        assert_eq!(u64::decode(&[0; 9]), None);
        assert_eq!(String::decode(b"a\0\x01b"), None);
        assert_eq!(String::decode(b"a"), None);
        assert_eq!(<()>::decode(b""), Some(()));
    }
}
