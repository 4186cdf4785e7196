//! The operator's credentials: a secret and a certificate, in files that only this program's user can
//! read. The database has what they are checked against, and cannot give them back.

use crate::control_plane::ControlPlane;
use crate::files::PlaneFiles;
use crate::installation::Installation;
use bonafide_core::access::{Allowed, AssignmentError, Chain, NewAssignment, OWNER, assignments};
use bonafide_core::audit::{self, Record};
use bonafide_core::directory::{
    Application, CREDENTIALS, PRINCIPALS, PrincipalKind, ServicePrincipal, add_certificate, add_secret,
    application_by_client, register_application,
};
use bonafide_core::view::{KnownCredential, KnownProof, ViewsError};
use bonafide_crypto::certificate::CertificateError;
use bonafide_crypto::secret_hash::SecretHash;
use bonafide_crypto::{Certificate, RsaKey, SelfSigned, SignError, SigningKey, pem, secret_hash, thumbprint};
use bonafide_files::{FilesError, Readers, read, write_private};
use bonafide_http::clock;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{CredentialId, ObjectId, RoleAssignmentId, Timestamp, World};

/// Lifetime of both, in seconds (2 years, Entra's longest).
const OPERATOR_SECONDS: u64 = 2 * 365 * 86_400;

/// The reason why the operator's credentials could not be made.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A file could not be written.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The view failed.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// The operator could not be given its role.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
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
}

impl OperatorCredentials {
    /// Makes both and writes their files.
    pub(crate) fn make(
        plane: &ControlPlane,
        files: &PlaneFiles,
        key: RsaKey,
        world: &World<'_>,
    ) -> Result<Self, OperatorError> {
        let secret = secret_hash::generate();
        let secret_id = CredentialId::random(world.entropy);
        let hash = plane.login.pepper.hash(&secret_id.to_string(), secret.expose());
        let certificate = make_certificate(files, key, world.now)?;
        write_private(&files.operator_secret(), secret.expose().as_bytes())?;
        Ok(Self { secret_id, hash, certificate })
    }

    /// Adds both to the directory: they are valid from this commit on.
    pub(crate) fn add(&self, tx: &mut Tx<'_>, world: &World<'_>, application: ObjectId) -> Result<(), StoreError> {
        // Both have one life, which a clock that is set right afterwards does not end.
        let at = Timestamp::from_unix_seconds;
        let from = World { now: at(self.certificate.not_before_seconds()), ..*world };
        add_secret(tx, &from, application, self.secret_id, self.hash, at(self.certificate.not_after_seconds()))?;
        add_certificate(tx, world, application, &self.certificate, None).map(drop)
    }
}

/// The name of the operator's service principal, for people.
pub(crate) const OPERATOR: &str = "operator";

/// Makes new credentials; the older ones stop working. The operator exists, is enabled and owns the root afterwards, whatever
/// was done to it.
pub(crate) fn reset_operator(
    plane: &ControlPlane,
    files: &PlaneFiles,
    installation: &Installation,
) -> Result<(), OperatorError> {
    let world = clock::world();
    let made = OperatorCredentials::make(plane, files, RsaKey::generate()?, &world)?;
    plane.store.write(|tx| {
        let application = restore(tx, &world, installation)?;
        for owner in [installation.operator, application] {
            for (key, _) in tx.page(&CREDENTIALS, &owner, None, usize::MAX)? {
                tx.delete(&CREDENTIALS, &key)?;
            }
        }
        made.add(tx, &world, application)?;
        record_reset(tx, &world, installation)?;
        Ok::<_, AssignmentError>(())
    })?;
    Ok(plane.catch_up()?)
}

/// Nobody signed in: it was whoever may start this program.
fn record_reset(tx: &mut Tx<'_>, world: &World<'_>, installation: &Installation) -> Result<(), StoreError> {
    let Installation { tenant, operator, .. } = *installation;
    let record = Record {
        at: world.now,
        surface: "start",
        tenant: Some(tenant),
        principal: None,
        action: "operator/reset",
        scope: &format!("/tenants/{tenant}/servicePrincipals/{operator}"),
        request: None,
    };
    audit::record(tx, record)
}

/// The operator's application, made anew like its service principal and its role where they are gone.
fn restore(tx: &mut Tx<'_>, world: &World<'_>, installation: &Installation) -> Result<ObjectId, AssignmentError> {
    let Installation { tenant, operator, operator_client: client_id, .. } = *installation;
    let application = match application_by_client(tx, tenant, client_id)? {
        Some((id, _)) => id,
        None => {
            register_application(tx, world, &Application { client_id, ..Application::new(world, tenant, OPERATOR) })?
        }
    };
    let row = tx.get(&PRINCIPALS, &operator)?.unwrap_or_else(|| ServicePrincipal {
        tenant,
        client_id,
        display_name: OPERATOR.to_owned(),
        kind: PrincipalKind::Application,
        enabled: true,
        created_at: world.now,
    });
    tx.put(&PRINCIPALS, &operator, &ServicePrincipal { enabled: true, ..row })?;
    if assignments::owns_root(tx, tenant, operator)? {
        return Ok(application);
    }
    let name = RoleAssignmentId::random(world.entropy);
    let owns = NewAssignment { name, principal: operator, role: OWNER, description: None };
    assignments::create(tx, world, &Allowed::system(tenant), &Chain::root(tenant), &owns)?;
    Ok(application)
}

/// A note for the case that a file of the operator's is not where `info` says it is. It is not made anew
/// unasked: whoever keeps it elsewhere, on purpose, does not want it back on this disk.
pub fn operator_note(files: &PlaneFiles) -> Option<String> {
    let missing = [files.operator_secret(), files.operator_certificate()].into_iter().find(|file| !file.exists())?;
    Some(format!(
        "{} is not there: put it back from your backup, or start once with --reset-operator, which makes a new secret \
         and certificate in place of the old ones",
        missing.display()
    ))
}

/// A note for the case that the operator's certificate is none of those that the directory has: they are not in a backup,
/// and that of another time or installation has others.
pub(crate) fn strange_operator_note(
    plane: &ControlPlane,
    files: &PlaneFiles,
    installation: &Installation,
) -> Option<String> {
    let path = files.operator_certificate();
    let text = String::from_utf8(read(&path, Readers::Owner).ok()?).ok()?;
    let file = thumbprint::sha256(&pem::find(&text, pem::CERTIFICATE)?);
    let is_held =
        |known: &KnownCredential| matches!(known.proof, KnownProof::Certificate { sha256, .. } if sha256 == file);
    let view = plane.views.current();
    let operator = view.principal(installation.tenant, installation.operator);
    let mut held = operator.into_iter().flat_map(|row| view.credentials_to_sign_in(installation.operator, row));
    if held.any(is_held) {
        return None;
    }
    Some(format!(
        "{} does not sign in here: it is of another time or installation than the database; put the folder back that \
         belongs to the database, or start once with --reset-operator, which makes a new secret and certificate",
        path.display()
    ))
}

/// One PEM with key and certificate, as `az login --certificate` takes it. RSA, because that is what
/// the SDKs sign client assertions with.
fn make_certificate(files: &PlaneFiles, key: RsaKey, now: Timestamp) -> Result<Certificate, OperatorError> {
    let spec = SelfSigned::lasting("bonafide operator", now.unix_seconds(), OPERATOR_SECONDS);
    let key = SigningKey::certified(key, &spec)?;
    let pkcs8 = key.to_pkcs8()?;
    let text =
        format!("{}{}", pem::encode_private_key(&pkcs8).expose(), pem::encode(pem::CERTIFICATE, key.certificate_der()));
    write_private(&files.operator_certificate(), text.as_bytes())?;
    Ok(Certificate::from_der(key.certificate_der())?)
}
