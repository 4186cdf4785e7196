//! Recognises RSA moduli made by the broken generator of CVE-2017-15361 (ROCA).
//!
//! Its primes are powers of 65537 modulo a product of small primes, so a modulus is one too; an
//! honest modulus passes all the tests below by chance once in about 2^27.
//! Source: Nemec et al., "The Return of Coppersmith's Attack", section 3.

/// The odd primes up to 167, the last that the generator uses for 512-bit keys and above.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Tells whether this modulus (big-endian) has the mark of the broken generator.
pub(crate) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let rest = modulus.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        let mut power = 1;
        for _ in 1..prime {
            if power == rest {
                return true;
            }
            power = power * 65_537 % prime;
        }
        false
    })
}
