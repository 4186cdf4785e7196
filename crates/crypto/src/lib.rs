//! Keys, signatures, sealing and certificates: the only crate that sees a private key.
//!
//! Callers meet keys, tokens and certificates as types of this crate; no type of the library
//! underneath (aws-lc-rs) and no unsealed key material appears outside. Times are Unix seconds,
//! passed in. This crate draws its own entropy.

#![allow(clippy::disallowed_methods, reason = "the one crate below the shell that draws entropy")]

mod agent_key;
mod algorithm;
pub mod ca;
pub mod certificate;
mod compact;
mod error;
#[cfg(test)]
mod jwk;
pub mod jws;
pub mod kek;
pub mod limits;
pub mod mac;
mod p256;
pub mod pem;
pub mod random;
mod roca;
pub mod seal;
pub mod sealed_file;
pub mod secret_hash;
mod self_signed;
mod signed_data;
pub mod signing;
#[cfg(test)]
mod test_keys;
pub mod thumbprint;
pub mod truststore;
mod validity;
mod verifying_key;
#[cfg(test)]
mod wycheproof;
mod x509;

pub use agent_key::AgentKey;
pub use algorithm::Algorithm;
pub use certificate::Certificate;
pub use error::SignError;
pub use kek::Kek;
pub use random::{SystemEntropy, prepare_entropy};
pub use self_signed::SelfSigned;
pub use signing::{RsaKey, SigningKey};
pub use validity::CERTIFICATE_BACKDATE_SECONDS;
pub use verifying_key::{KeyError, KeyKind, P256_POINT_BYTES, VerifyingKey, VerifyingKeys};
