//! Secrets and certificates of applications and of their service principals.

use super::directory_error::{CREDENTIALS_PER_OBJECT_MAX, DirectoryError};
use super::locked::check_unlocked;
use crate::access::Allowed;
use crate::directory::{CREDENTIALS, Credential, CredentialProof, PRINCIPALS};
use bonafide_store::{Read, Tx};
use bonafide_types::{CredentialId, ObjectId, TenantId};

/// The object that credentials hang on, with the proof that its caller may change it.
#[derive(Clone, Copy)]
pub struct CredentialOwner<'a> {
    /// The proof.
    pub allowed: &'a Allowed,
    /// The tenant of the object.
    pub tenant: TenantId,
    /// The application or service principal.
    pub id: ObjectId,
}

impl CredentialOwner<'_> {
    fn check(&self, tx: &Tx<'_>) -> Result<(), DirectoryError> {
        self.allowed.confirm_manage(self.tenant, self.id)?;
        tx.get(&PRINCIPALS, &self.id)?.as_ref().map_or(Ok(()), check_unlocked)
    }
}

/// Adds a secret, of which only the hash is stored.
///
/// # Errors
/// [`DirectoryError`].
pub fn add_password(
    tx: &mut Tx<'_>,
    owner: CredentialOwner<'_>,
    id: CredentialId,
    credential: &Credential,
) -> Result<(), DirectoryError> {
    owner.check(tx)?;
    tx.put(&CREDENTIALS, &(owner.id, id), credential)?;
    check_count(tx, owner.id)
}

/// Takes a secret away: nobody signs in with it from this commit on.
///
/// # Errors
/// [`DirectoryError`].
pub fn remove_password(tx: &mut Tx<'_>, owner: CredentialOwner<'_>, id: CredentialId) -> Result<(), DirectoryError> {
    owner.check(tx)?;
    match tx.get(&CREDENTIALS, &(owner.id, id))? {
        Some(Credential { proof: CredentialProof::SecretHash(_), .. }) => Ok(tx.delete(&CREDENTIALS, &(owner.id, id))?),
        _ => Err(DirectoryError::NoCredential(id)),
    }
}

/// A certificate in a list that is to be all that an object has.
pub enum KeptOrNew {
    /// One that it has.
    Kept(CredentialId),
    /// Another one.
    New(CredentialId, Box<Credential>),
}

/// Replaces the certificates by those of a list.
///
/// # Errors
/// [`DirectoryError`].
pub fn set_certificates(
    tx: &mut Tx<'_>,
    owner: CredentialOwner<'_>,
    certificates: &[KeptOrNew],
) -> Result<(), DirectoryError> {
    owner.check(tx)?;
    let mut old: Vec<CredentialId> = Vec::new();
    for ((_, id), credential) in tx.page(&CREDENTIALS, &owner.id, None, usize::MAX)? {
        if matches!(credential.proof, CredentialProof::Certificate(_)) {
            old.push(id);
        }
    }
    for certificate in certificates {
        match certificate {
            KeptOrNew::Kept(id) if old.contains(id) => old.retain(|other| other != id),
            KeptOrNew::Kept(id) => return Err(DirectoryError::NoCredential(*id)),
            KeptOrNew::New(id, credential) => {
                let is_its = old.contains(id);
                if !is_its && tx.get(&CREDENTIALS, &(owner.id, *id))?.is_some() {
                    return Err(DirectoryError::NoCredential(*id));
                }
                old.retain(|other| other != id);
                tx.put(&CREDENTIALS, &(owner.id, *id), credential)?;
                tx.forgo_reserve();
            }
        }
    }
    for id in old {
        tx.delete(&CREDENTIALS, &(owner.id, id))?;
    }
    check_count(tx, owner.id)
}

fn check_count(tx: &Tx<'_>, owner: ObjectId) -> Result<(), DirectoryError> {
    let max = CREDENTIALS_PER_OBJECT_MAX;
    match tx.page(&CREDENTIALS, &owner, None, max + 1)?.len() > max {
        true => Err(DirectoryError::TooMany("credentials", max)),
        false => Ok(()),
    }
}
