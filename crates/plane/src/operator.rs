//! The operator's credentials: a secret and a certificate, in files that only this program's user can
//! read. The database has what they are checked against, and cannot give them back.

use crate::control_plane::ControlPlane;
use crate::data_dir::{DataDir, DataDirError, write_private};
use crate::deployment::Deployment;
use bonafide_core::directory::{CREDENTIALS, add_certificate, add_secret};
use bonafide_core::view::ViewsError;
use bonafide_crypto::certificate::CertificateError;
use bonafide_crypto::secret_hash::SecretHash;
use bonafide_crypto::{Certificate, SelfSigned, SignError, SigningKey, pem, secret_hash};
use bonafide_http::clock;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{CredentialId, ObjectId, Timestamp, World};

/// How long they count, in seconds (2 years, Entra's longest).
const OPERATOR_SECONDS: u64 = 2 * 365 * 86_400;

/// Why the operator's credentials could not be made.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A file could not be written.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The view failed.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] SignError),
    /// The certificate could not be read back.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// New credentials, in their files and not yet in the database.
pub(crate) struct OperatorCredentials {
    secret_id: CredentialId,
    hash: SecretHash,
    certificate: Certificate,
    not_after: Timestamp,
}

impl OperatorCredentials {
    /// Makes both and writes their files.
    pub(crate) fn make(plane: &ControlPlane, dir: &DataDir, world: &World<'_>) -> Result<Self, OperatorError> {
        let not_after = world.now.plus_seconds(OPERATOR_SECONDS);
        let secret = secret_hash::generate();
        let secret_id = CredentialId::random(world.entropy);
        let hash = plane.login.pepper.hash(&secret_id.to_string(), secret.expose());
        let certificate = make_certificate(dir, world.now)?;
        write_private(&dir.operator_secret(), secret.expose().as_bytes())?;
        Ok(Self { secret_id, hash, certificate, not_after })
    }

    /// From this commit on they count.
    pub(crate) fn add(&self, tx: &mut Tx<'_>, world: &World<'_>, operator: ObjectId) -> Result<(), StoreError> {
        add_secret(tx, world, operator, self.secret_id, self.hash, self.not_after)?;
        add_certificate(tx, world, operator, &self.certificate, None).map(drop)
    }
}

/// Makes new credentials; from then on no older ones count.
pub(crate) fn reset_operator(
    plane: &ControlPlane,
    dir: &DataDir,
    deployment: &Deployment,
) -> Result<(), OperatorError> {
    let world = clock::world();
    let made = OperatorCredentials::make(plane, dir, &world)?;
    plane.store.write(|tx| {
        for (key, _) in tx.page(&CREDENTIALS, &deployment.operator, None, usize::MAX)? {
            tx.delete(&CREDENTIALS, &key)?;
        }
        made.add(tx, &world, deployment.operator)
    })?;
    Ok(plane.catch_up()?)
}

/// What to say when a file of the operator's is not where `info` says it is. It is not made anew
/// unasked: whoever keeps it elsewhere, on purpose, does not want it back on this disk.
pub fn operator_note(dir: &DataDir) -> Option<String> {
    let missing = [dir.operator_secret(), dir.operator_certificate()].into_iter().find(|file| !file.exists())?;
    Some(format!(
        "{} is not there: put it back from your backup, or start once with --reset-operator, which makes a new secret \
         and certificate in place of the old ones",
        missing.display()
    ))
}

/// One PEM with key and certificate, as `az login --certificate` takes it. RSA, because that is what
/// the SDKs sign client assertions with.
fn make_certificate(dir: &DataDir, now: Timestamp) -> Result<Certificate, OperatorError> {
    let spec = SelfSigned::starting("bonafide operator", now.unix_seconds(), OPERATOR_SECONDS);
    let key = SigningKey::generate(&spec)?;
    let pkcs8 = key.to_pkcs8()?;
    let text =
        format!("{}{}", pem::encode_private_key(&pkcs8).expose(), pem::encode(pem::CERTIFICATE, key.certificate_der()));
    write_private(&dir.operator_certificate(), text.as_bytes())?;
    Ok(Certificate::from_der(key.certificate_der())?)
}
