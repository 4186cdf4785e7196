//! The bare operations of the cryptographic library, one core: what no token service can do without.

use crate::Failure;
use crate::machine::thread_time;
use crate::stats::median;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use std::time::Duration;

/// Bytes that the signature of an access token covers, about.
const TOKEN_BYTES: usize = 1_300;
/// Bytes that the signature of a client assertion covers, about.
const ASSERTION_BYTES: usize = 500;

/// Keys, parsed once, and signatures to check.
pub(crate) struct Bare {
    rsa: RsaKeyPair,
    rsa_public: ParsedPublicKey,
    p256_public: ParsedPublicKey,
    token: Vec<u8>,
    token_signature: Vec<u8>,
    assertion: Vec<u8>,
    rsa_signature: Vec<u8>,
    p256_signature: Vec<u8>,
}

/// Processor time of each operation, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Costs {
    /// Signing an access token (RSA-2048, SHA-256).
    pub(crate) sign: f64,
    /// Checking that signature.
    pub(crate) check: f64,
    /// Verifying an RS256 client assertion.
    pub(crate) verify_rsa: f64,
    /// Verifying an ES256 client assertion.
    pub(crate) verify_p256: f64,
}

impl Costs {
    /// The least cost of a new token for an RS256 client assertion.
    pub(crate) fn with_rsa_assertion(&self) -> f64 {
        self.verify_rsa + self.sign + self.check
    }

    /// The least cost of a new token for an ES256 client assertion.
    pub(crate) fn with_p256_assertion(&self) -> f64 {
        self.verify_p256 + self.sign + self.check
    }

    /// The medians of several rounds.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |cost: fn(&Self) -> f64| median(&rounds.iter().map(cost).collect::<Vec<_>>());
        Self {
            sign: of(|costs| costs.sign),
            check: of(|costs| costs.check),
            verify_rsa: of(|costs| costs.verify_rsa),
            verify_p256: of(|costs| costs.verify_p256),
        }
    }
}

impl Bare {
    pub(crate) fn new() -> Result<Self, Failure> {
        let random = SystemRandom::new();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let spki: PublicKeyX509Der<'_> = rsa.public_key().as_der()?;
        let rsa_public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki.as_ref())?;
        let p256_public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, p256.public_key().as_ref())?;
        let (token, assertion) = (vec![b'x'; TOKEN_BYTES], vec![b'y'; ASSERTION_BYTES]);
        let sign = |message: &[u8]| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
        };
        let (token_signature, rsa_signature) = (sign(&token)?, sign(&assertion)?);
        let p256_signature = p256.sign(&random, &assertion)?.as_ref().to_vec();
        // A figure of a check that fails early would be worthless.
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki.as_ref()).verify(&assertion, &rsa_signature)?;
        p256_public.verify_sig(&assertion, &p256_signature)?;
        drop(spki);
        Ok(Self { rsa, rsa_public, p256_public, token, token_signature, assertion, rsa_signature, p256_signature })
    }

    /// Signs an access token.
    pub(crate) fn sign(&self) -> Result<Vec<u8>, Failure> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &self.token, &mut signature)?;
        Ok(signature)
    }

    /// One round of each operation, for so long, on this thread.
    pub(crate) fn round(&self, each: Duration) -> Result<Costs, Failure> {
        Ok(Costs {
            sign: time(each, || self.sign().is_ok())?,
            check: time(each, || self.rsa_public.verify_sig(&self.token, &self.token_signature).is_ok())?,
            verify_rsa: time(each, || self.rsa_public.verify_sig(&self.assertion, &self.rsa_signature).is_ok())?,
            verify_p256: time(each, || self.p256_public.verify_sig(&self.assertion, &self.p256_signature).is_ok())?,
        })
    }
}

/// Microseconds of processor time that one `operation` takes, repeated for `total`.
pub(crate) fn time(total: Duration, mut operation: impl FnMut() -> bool) -> Result<f64, Failure> {
    let started = thread_time();
    let (mut count, mut took) = (0_u32, Duration::ZERO);
    while took < total {
        for _ in 0..16 {
            if !operation() {
                return Err("the operation failed".into());
            }
        }
        count += 16;
        took = thread_time() - started;
    }
    Ok(took.as_secs_f64() * 1e6 / f64::from(count))
}
