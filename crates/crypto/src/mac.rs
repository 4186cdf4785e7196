//! A key for MACs (HMAC-SHA-256) of what this process gives out and takes back.

use crate::random;
use aws_lc_rs::hmac;

/// A key that lives as long as its process.
pub struct MacKey(hmac::Key);

impl MacKey {
    /// Size of a tag, in bytes.
    pub const TAG_BYTES: usize = 32;

    /// A new random key.
    pub fn generate() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()))
    }

    /// The tag of a text.
    pub fn tag(&self, text: &[u8]) -> [u8; Self::TAG_BYTES] {
        let mut tag = [0; Self::TAG_BYTES];
        tag.copy_from_slice(hmac::sign(&self.0, text).as_ref());
        tag
    }

    /// True of the text's tag; takes the same time wherever a wrong one differs.
    pub fn is_tag(&self, text: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, text, tag).is_ok()
    }
}
