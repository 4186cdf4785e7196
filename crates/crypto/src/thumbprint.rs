//! Digests that name things.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// SHA-1, for `x5t` and `kid` only: there it is a name that finds a certificate, never a proof
/// (CA-03: the full certificate or its key decides).
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    out
}

/// SHA-256, for `x5t#S256` and wherever a digest must stand for its input.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

/// The bytes of hexadecimal digits in any case, with a colon between all bytes, as OpenSSL prints a
/// fingerprint, or with none.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &str| {
        let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    if text.contains(':') {
        return text.split(':').map(byte).collect();
    }
    text.as_bytes().chunks(2).map(|pair| byte(std::str::from_utf8(pair).ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_published_ones_of_abc() {
        assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn hexadecimal_digits_are_read_with_colons_and_without() {
        for text in ["00a1FF", "00:A1:ff"] {
            assert_eq!(parse_hex(text), Some(vec![0, 0xa1, 0xff]), "{text}");
        }
        for wrong in ["0", "0:0", "00:", ":00", "00:a1ff", "00a1:ff", "zz", "+1", "00 a1", "é"] {
            assert_eq!(parse_hex(wrong), None, "{wrong}");
        }
    }
}
