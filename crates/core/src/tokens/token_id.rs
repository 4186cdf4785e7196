//! `uti`: a token's id.

use bonafide_types::{Loggable, World, base64url};
use std::fmt;

/// Bytes of a token id: 22 characters of base64url, as many as Azure's.
const BYTES: usize = 16;

/// A token's id, which nobody can guess and which says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId([u8; BYTES]);

impl TokenId {
    /// A new id: 128 random bits.
    pub fn new(world: &World<'_>) -> Self {
        let mut bytes = [0; BYTES];
        world.entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Reads the claim; `None` when it is not an id of ours.
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl Loggable for TokenId {}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_crypto::SystemEntropy;
    use bonafide_types::Timestamp;

    #[test]
    fn jw_12_an_id_is_128_random_bits_in_22_characters() {
        const IDS: u32 = 1_000;
        let now = Timestamp::from_unix_micros(1_795_253_405_012_345);
        let world = World { now, entropy: &SystemEntropy };
        let mut set = [0_u32; 128];
        for _ in 0..IDS {
            let id = TokenId::new(&world);
            assert_eq!(id.to_string().len(), 22);
            assert_eq!(TokenId::parse(&id.to_string()), Some(id));
            let value = u128::from_be_bytes(id.0);
            set.iter_mut().enumerate().for_each(|(bit, set)| *set += u32::from(value >> bit & 1 == 1));
        }
        // Ids of one moment have no bit in common that says so.
        assert!(set.iter().all(|set| (IDS * 2 / 5..IDS * 3 / 5).contains(set)), "{set:?}");
        for wrong in ["", "A", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB"] {
            assert_eq!(TokenId::parse(wrong), None, "{wrong}");
        }
    }
}
