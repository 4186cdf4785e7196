//! Sealed files: what is larger than a row, and is read and written as a whole. The two layers of [`crate::seal`], in bytes.
//!
//! Layout: a mark of 16 bytes, the name of the key-encryption key (8), the wrapped key of the file (nonce, key and tag, 60),
//! then nonce, ciphertext and tag of the content.

use crate::seal::{SealContext, SealError, TAG_BYTES, decrypt, encrypt};
use crate::{Kek, random};
use aws_lc_rs::aead::NONCE_LEN;
use bonafide_types::Secret;
use zeroize::Zeroizing;

const MARK: &[u8; 16] = b"bonafide sealed1";
const KEY_BYTES: usize = 32;
const WRAPPED_BYTES: usize = NONCE_LEN + KEY_BYTES + TAG_BYTES;
/// Other words than those of the items of rows: neither opens as the other.
const WRAPPED_KEY: &str = "file key";
const CONTENT: &str = "file content";

/// Seals the content of a file under a context of its own.
///
/// # Errors
/// [`SealError::Encryption`].
pub fn seal(kek: &Kek, context: &SealContext<'_>, content: &[u8]) -> Result<Vec<u8>, SealError> {
    let key = Secret::new(random::bytes::<KEY_BYTES>());
    let wrapped = encrypt(kek.key(), &context.associated_data(WRAPPED_KEY), key.expose())?;
    let sealed = encrypt(key.expose(), &context.associated_data(CONTENT), content)?;
    Ok([MARK.as_slice(), &kek.id(), &wrapped, &sealed].concat())
}

/// Opens a file under the context that it was sealed for.
///
/// # Errors
/// [`SealError::OtherKek`], [`SealError::Refused`].
pub fn open(kek: &Kek, context: &SealContext<'_>, file: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
    let rest = file.strip_prefix(MARK.as_slice()).ok_or(SealError::Refused)?;
    let (name, rest) = rest.split_first_chunk::<8>().ok_or(SealError::Refused)?;
    if *name != kek.id() {
        return Err(SealError::OtherKek);
    }
    let (wrapped, sealed) = rest.split_first_chunk::<WRAPPED_BYTES>().ok_or(SealError::Refused)?;
    let key = decrypt(kek.key(), &context.associated_data(WRAPPED_KEY), wrapped)?;
    let key = Zeroizing::new(<[u8; KEY_BYTES]>::try_from(&key.expose()[..]).map_err(|_| SealError::Refused)?);
    decrypt(&key, &context.associated_data(CONTENT), sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: SealContext<'static> =
        SealContext { purpose: "agent-tokens", tenant: "host-1", name: "workload-1", version: "7" };

    #[test]
    fn a_file_of_any_size_opens_as_it_was_sealed() {
        let kek = Kek::generate();
        for content in [&b""[..], b"content", &[7; 3_000_000]] {
            let sealed = seal(&kek, &CONTEXT, content).unwrap();
            assert_eq!(open(&kek, &CONTEXT, &sealed).unwrap().expose(), content);
        }
    }

    #[test]
    fn ky_05_every_changed_or_missing_byte_of_a_file_is_noticed() {
        let kek = Kek::generate();
        let sealed = seal(&kek, &CONTEXT, b"content").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&kek, &CONTEXT, &changed).is_err(), "{at}");
            assert!(open(&kek, &CONTEXT, &sealed[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn ky_05_a_file_does_not_open_in_the_place_of_another_nor_under_another_key() {
        let kek = Kek::generate();
        let sealed = seal(&kek, &CONTEXT, b"content").unwrap();
        for other in [
            SealContext { purpose: "agent-desired", ..CONTEXT },
            SealContext { tenant: "host-2", ..CONTEXT },
            SealContext { name: "workload-2", ..CONTEXT },
            SealContext { version: "6", ..CONTEXT },
        ] {
            assert_eq!(open(&kek, &other, &sealed).err(), Some(SealError::Refused), "{other:?}");
        }
        assert_eq!(open(&Kek::generate(), &CONTEXT, &sealed).err(), Some(SealError::OtherKek));
    }

    #[test]
    fn ky_04_a_file_is_sealed_differently_each_time_and_never_in_clear() {
        let (kek, content) = (Kek::generate(), b"a secret that is long enough to be found");
        let (one, two) = (seal(&kek, &CONTEXT, content).unwrap(), seal(&kek, &CONTEXT, content).unwrap());
        assert_ne!(one, two);
        assert!(!one.windows(8).any(|window| content.windows(8).any(|clear| clear == window)));
    }
}
