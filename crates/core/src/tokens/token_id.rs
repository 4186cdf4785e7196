//! `uti`: a token's id, which also says exactly when the token was issued.

use bonafide_types::{Timestamp, World, base64url};
use std::fmt;

/// Bytes of a token id: 22 characters of base64url, as many as Azure's.
const BYTES: usize = 16;
/// Bytes of the time of issue in microseconds; they last until the year 4253.
const TIME_BYTES: usize = 7;

/// A token's id. `iat` lies five minutes before the issue (docs/wire/tokens.md); the id carries the
/// exact moment, so that "revoked since" can be decided where the token is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId([u8; BYTES]);

impl TokenId {
    /// A new id for a token issued now: the time, and 72 random bits.
    pub fn new(world: &World<'_>) -> Self {
        let mut bytes = [0; BYTES];
        let time = world.now.unix_micros().to_be_bytes();
        bytes[..TIME_BYTES].copy_from_slice(&time[8 - TIME_BYTES..]);
        world.entropy.fill(&mut bytes[TIME_BYTES..]);
        Self(bytes)
    }

    /// Reads the claim; `None` when it is not an id of ours.
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The time at which the token was issued, to the microsecond.
    pub fn issued_at(self) -> Timestamp {
        let mut time = [0; 8];
        time[8 - TIME_BYTES..].copy_from_slice(&self.0[..TIME_BYTES]);
        Timestamp::from_unix_micros(u64::from_be_bytes(time))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_crypto::SystemEntropy;

    #[test]
    fn an_id_has_22_characters_and_gives_back_the_microsecond_of_the_issue() {
        let now = Timestamp::from_unix_micros(1_795_253_405_012_345);
        let world = World { now, entropy: &SystemEntropy };
        let (one, other) = (TokenId::new(&world), TokenId::new(&world));
        assert_ne!(one, other);
        assert_eq!(one.to_string().len(), 22);
        assert_eq!(TokenId::parse(&one.to_string()), Some(one));
        assert_eq!(one.issued_at(), now);
        for wrong in ["", "A", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB"] {
            assert_eq!(TokenId::parse(wrong), None, "{wrong}");
        }
    }
}
