//! PEM (RFC 7468): writing any block, finding the first of one kind.

use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bonafide_types::{Secret, base64url};
use zeroize::Zeroizing;

/// The label of a certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// The label of a PKCS #8 private key.
pub const PRIVATE_KEY: &str = "PRIVATE KEY";

/// A PEM block around public DER.
pub fn encode(label: &str, der: &[u8]) -> String {
    let mut out = String::with_capacity(block_chars(label, der.len()));
    push_block(&mut out, label, der);
    out
}

/// A PEM block around a private key in PKCS #8.
pub fn encode_private_key(pkcs8: &Secret<Vec<u8>>) -> Secret<String> {
    let mut out = String::with_capacity(block_chars(PRIVATE_KEY, pkcs8.expose().len()));
    push_block(&mut out, PRIVATE_KEY, pkcs8.expose());
    Secret::new(out)
}

/// The content of the first block with this label; other blocks, private keys among them, are not decoded.
pub fn find(text: &str, label: &str) -> Option<Vec<u8>> {
    if text.len() > limits::PEM_BYTES_MAX {
        return None;
    }
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    decode_wrapped(body)
}

/// Decodes padded base64 of the standard alphabet with line breaks and blanks anywhere.
pub(crate) fn decode_wrapped(text: &str) -> Option<Vec<u8>> {
    let joined: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    base64url::decode_lenient(&joined).ok()
}

/// An upper bound, so that a private key is never left behind by a reallocation.
const fn block_chars(label: &str, der_bytes: usize) -> usize {
    let base64 = der_bytes.div_ceil(3) * 4;
    base64 + base64.div_ceil(64) + 2 * label.len() + 40
}

fn push_block(out: &mut String, label: &str, der: &[u8]) {
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut line = Zeroizing::new(String::with_capacity(64));
    for chunk in der.chunks(48) {
        line.clear();
        STANDARD.encode_string(chunk, &mut line);
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_wrapped_at_64_and_read_back() {
        let der: Vec<u8> = (0..=255).collect();
        let text = encode(CERTIFICATE, &der);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert!(text.len() <= block_chars(CERTIFICATE, der.len()));
        assert_eq!(find(&text, CERTIFICATE), Some(der));
        assert_eq!(find(&text, PRIVATE_KEY), None);
    }

    #[test]
    fn the_certificate_is_found_behind_a_key_and_before_another() {
        let key = encode_private_key(&Secret::new(vec![1; 100]));
        let text = format!("junk\n{}{}{}", key.expose(), encode(CERTIFICATE, b"one"), encode(CERTIFICATE, b"two"));
        assert_eq!(find(&text.replace('\n', "\r\n"), CERTIFICATE).as_deref(), Some(&b"one"[..]));
    }
}
