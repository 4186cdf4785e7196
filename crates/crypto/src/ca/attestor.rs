//! The signer of attested documents: a key of one process, certified by the installation's authority.

use super::authority::CaError;
use super::names::ServerName;
use super::server::ServerCa;
use crate::signing::RsaKey;
use crate::{SignError, signed_data};
use bonafide_types::Lifetime;
use std::fmt;

/// Signs documents. The key is RSA, as that of Azure's signer: verifiers were written for it. It is kept in memory only;
/// each signature brings the certificate that it is checked with.
pub struct Attestor {
    key: RsaKey,
    chain_der: Vec<Vec<u8>>,
    lifetime: Lifetime,
}

impl ServerCa {
    /// Makes a signer that is called by this name, as Azure's is (`metadata.azure.com`). Takes a tenth of a second or more.
    ///
    /// # Errors
    /// [`CaError`], among them [`CaError::ForbiddenName`].
    pub fn attestor(&self, name: &ServerName, now_seconds: u64, lifetime_seconds: u64) -> Result<Attestor, CaError> {
        let key = RsaKey::generate()?;
        let (chain_der, lifetime) = self.certify_attestor(name, key.public(), now_seconds, lifetime_seconds)?;
        Ok(Attestor { key, chain_der, lifetime })
    }
}

impl Attestor {
    /// The bytes in a PKCS #7 SignedData, DER, with the certificates up to the one that verifiers trust.
    ///
    /// # Errors
    /// [`SignError::SelfCheck`] where the signature does not verify (JW-11): nothing was released.
    pub fn sign(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        signed_data::write(content, &self.key.sign(content)?, &self.chain_der)
    }

    /// The life of its certificate.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }
}

impl fmt::Debug for Attestor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attestor").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}
