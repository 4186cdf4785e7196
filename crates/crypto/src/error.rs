//! The reasons why a private key or a certificate could not be made or used.

/// The reason why a key could not be made, read or used. It repeats nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The library could not make a key pair.
    #[error("a key pair could not be generated")]
    Generation,
    /// Not PKCS #8, or not a private key of the expected kind and size.
    #[error("the private key is not usable")]
    PrivateKey,
    /// The certificate is unusable or another key's.
    #[error("the certificate does not belong to the private key")]
    CertificateMismatch,
    /// A certificate or request could not be written: its name or times cannot be encoded.
    #[error("the certificate could not be made")]
    Certificate,
    /// The library could not sign.
    #[error("signing failed")]
    Signature,
    /// The signature just made does not verify: a fault in hardware or memory, or mixed-up keys.
    #[error("a signature failed its own check and was withheld")]
    SelfCheck,
}
