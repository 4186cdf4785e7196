//! The signature algorithms of tokens that are accepted anywhere. There is no other, and no "none".

/// A JWS algorithm (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what we issue, and what clients with RSA certificates send.
    Rs256,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes: what newer clients with RSA certificates send.
    Ps256,
    /// ECDSA on P-256 with SHA-256: our own agents.
    Es256,
}

impl Algorithm {
    /// The value of `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }

    /// The algorithm of this exact name; case matters (JW-01).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Ps256, Self::Es256].into_iter().find(|algorithm| algorithm.name() == name)
    }
}
