//! Entropy of the operating system, and comparison in constant time.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use bonafide_types::Entropy;
use uuid::Uuid;

/// The operating system's entropy, for those who take an [`Entropy`] argument.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        fill(bytes);
    }
}

/// Fills `bytes` with random bytes. A generator that fails stops the process: no caller
/// can go on safely without it, and an error that a caller might ignore would be worse.
pub fn fill(bytes: &mut [u8]) {
    if SystemRandom::new().fill(bytes).is_err() {
        std::process::abort();
    }
}

/// Has the generator get ready while its caller does something else. Before its first random bytes it measures the jitter
/// of the processor, which takes about 30 ms of a start; who asks for some meanwhile waits for the rest.
pub fn prepare_entropy() {
    // Without one more thread, the first who asks waits for all of it.
    let _ = std::thread::Builder::new().name("entropy".into()).spawn(bytes::<1>);
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// A random GUID (version 4).
pub fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// Tells whether two byte strings are equal; the time taken depends on their lengths only.
pub fn ct_eq(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_length_and_content_are_needed_to_be_equal() {
        assert!(ct_eq(b"", b""));
        assert!(ct_eq(b"abc", b"abc"));
        assert!(!ct_eq(b"abc", b"abd"));
        assert!(!ct_eq(b"abc", b"abcd"));
    }

    #[test]
    fn random_guids_are_version_4_and_differ() {
        let (one, two) = (uuid(), SystemEntropy.guid());
        assert_eq!(one.get_version_num(), 4);
        assert_eq!(two.get_version_num(), 4);
        assert_ne!(one, two);
        assert_ne!(bytes::<32>(), bytes::<32>());
    }
}
