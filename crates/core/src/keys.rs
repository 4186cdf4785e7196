//! Keys that the system keeps for itself, sealed: token signing keys and the secrets of the installation.

use bonafide_crypto::seal::{self, SealContext, SealError, Sealed};
use bonafide_crypto::{Kek, RsaKey, SelfSigned, SignError, SigningKey};
use bonafide_store::{Absence, Table};
use bonafide_types::{Excerpt, Secret, TenantId, Timestamp, base64url};
use serde::{Deserialize, Serialize};

/// Time for which a token signing key is published, in seconds (5 years). Rotation is a later command;
/// a key never signs or verifies past its end (JW-04).
pub const SIGNING_KEY_SECONDS: u64 = 5 * 365 * 86_400;

/// A token signing key as stored: its private half is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct SigningKeyRow {
    /// The PKCS#8 of the key, sealed for this tenant and key id.
    pub sealed: Sealed,
    /// Its self-signed certificate, base64url of the DER.
    pub certificate: String,
    /// From when it signs and verifies.
    pub not_before: Timestamp,
    /// Until when it signs and verifies.
    pub not_after: Timestamp,
}

/// Signing keys by tenant and key id: a key signs for one tenant and is known in no other (JW-03).
pub const SIGNING_KEYS: Table<(TenantId, String), SigningKeyRow> = Table::new("signing-key", Absence::Withholds);

/// Secrets of the installation by name, sealed.
pub const INSTALLATION_SECRETS: Table<String, Sealed> = Table::new("deployment-secret", Absence::Allows);

/// The reason why a key could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyRowError {
    /// It could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It could not be made or read.
    #[error(transparent)]
    Key(#[from] SignError),
    /// The certificate of the row is damaged.
    #[error("the certificate of signing key '{0}' is damaged")]
    Certificate(String),
}

/// Makes a signing key for a tenant. Slow (RSA): do it outside of a transaction.
pub fn make_signing_key(kek: &Kek, tenant: TenantId, now: Timestamp) -> Result<(String, SigningKeyRow), KeyRowError> {
    signing_key_of(kek, tenant, now, RsaKey::generate()?)
}

/// Makes the signing key of a tenant from a key pair. Like its certificate it is valid from before `now`, whatever the clock
/// says: the first tokens name a time before their issue in `iat` and `nbf` (`TOKEN_BACKDATE_SECONDS`).
pub fn signing_key_of(
    kek: &Kek,
    tenant: TenantId,
    now: Timestamp,
    pair: RsaKey,
) -> Result<(String, SigningKeyRow), KeyRowError> {
    let spec = SelfSigned::lasting("bonafide token signing", now.unix_seconds(), SIGNING_KEY_SECONDS);
    let key = SigningKey::certified(pair, &spec)?;
    let kid = key.kid().to_owned();
    let sealed = seal::seal(kek, &signing_context(&tenant.to_string(), &kid), key.to_pkcs8()?.expose())?;
    let row = SigningKeyRow {
        sealed,
        certificate: base64url::encode(key.certificate_der()),
        not_before: Timestamp::from_unix_seconds(spec.not_before_seconds),
        not_after: Timestamp::from_unix_seconds(spec.not_after_seconds),
    };
    Ok((kid, row))
}

/// Opens a stored signing key.
pub fn open_signing_key(
    kek: &Kek,
    tenant: TenantId,
    kid: &str,
    row: &SigningKeyRow,
) -> Result<SigningKey, KeyRowError> {
    let pkcs8 = seal::open(kek, &signing_context(&tenant.to_string(), kid), &row.sealed)?;
    let certificate =
        base64url::decode(&row.certificate).map_err(|_| KeyRowError::Certificate(Excerpt::of(kid).into()))?;
    Ok(SigningKey::from_pkcs8(&pkcs8, &certificate)?)
}

/// Seals a secret of the installation under its name.
pub fn seal_installation_secret(kek: &Kek, name: &str, secret: &[u8]) -> Result<Sealed, SealError> {
    seal::seal(kek, &installation_context(name), secret)
}

/// Opens a secret of the installation.
pub fn open_installation_secret(kek: &Kek, name: &str, sealed: &Sealed) -> Result<Secret<Vec<u8>>, SealError> {
    seal::open(kek, &installation_context(name), sealed)
}

/// The version of what is sealed; a later form gets another.
const SEALED_VERSION: &str = "1";

fn signing_context<'a>(tenant: &'a str, kid: &'a str) -> SealContext<'a> {
    SealContext { purpose: "token-signing-key", tenant, name: kid, version: SEALED_VERSION }
}

fn installation_context(name: &str) -> SealContext<'_> {
    SealContext { purpose: "deployment-secret", tenant: "", name, version: SEALED_VERSION }
}
