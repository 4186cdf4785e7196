//! Base64 as tokens use it: strict for what we issue and accept, lenient for what clients send.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The text is not base64 of the expected form. It says nothing of the text, which may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not valid base64")]
pub struct DecodeError;

/// Base64url without padding (RFC 7515 section 2).
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends base64url without padding to `out`; allocates only where `out` has no room left.
pub fn encode_into(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// The number of characters that [`encode`] makes of so many bytes.
pub const fn encoded_chars(bytes: usize) -> usize {
    bytes / 3 * 4 + [0, 2, 3][bytes % 3]
}

/// Base64 of the standard alphabet with padding, as `x5c` has it (RFC 7517 section 4.7).
pub fn encode_standard(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes base64url without padding; refuses any other character and bits left over at the end,
/// so that every value has exactly one spelling.
///
/// # Errors
/// [`DecodeError`] for any other text.
pub fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| DecodeError)
}

/// Decodes base64 of either alphabet with or without padding: stock clients send all four forms
/// in assertions and thumbprints (docs/wire/login.md, client assertion).
///
/// # Errors
/// [`DecodeError`] for other characters, more than two `=` or bits left over at the end.
pub fn decode_lenient(text: &str) -> Result<Vec<u8>, DecodeError> {
    let bare = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    if !bare.contains(['+', '/']) {
        return decode(bare);
    }
    decode(&bare.replace('+', "-").replace('/', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jw_07_every_value_has_one_strict_spelling() {
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        assert_eq!(decode("").unwrap(), b"");
        for wrong in ["-_8=", "+/8", "-_9", "A", "AA\n", " AA", "AA==", "A=A=", "é"] {
            assert_eq!(decode(wrong), Err(DecodeError), "{wrong:?}");
        }
    }

    #[test]
    fn the_four_forms_that_clients_send_decode_alike() {
        for text in ["-_8", "-_8=", "+/8", "+/8="] {
            assert_eq!(decode_lenient(text).unwrap(), [0xfb, 0xff], "{text:?}");
        }
        for wrong in ["-_8===", "-_9", "A", "AA AA", "AA\n", "=AA", "A=A"] {
            assert_eq!(decode_lenient(wrong), Err(DecodeError), "{wrong:?}");
        }
    }

    #[test]
    fn the_length_is_known_before_encoding() {
        for length in 0..100 {
            assert_eq!(encode(&vec![7; length]).len(), encoded_chars(length));
        }
    }
}
