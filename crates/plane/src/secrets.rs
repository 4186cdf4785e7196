//! The secrets of the installation: the two authorities and the key of the hashes of client secrets, sealed in the store.

use bonafide_core::keys::{INSTALLATION_SECRETS, open_installation_secret, seal_installation_secret};
use bonafide_crypto::ca::{CaError, HostCa, IpSubnet, ServerCa, ServerCaSpec};
use bonafide_crypto::seal::SealError;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_crypto::{Certificate, Kek, base64url};
use bonafide_http::clock;
use bonafide_store::{Read, Store, StoreError};
use bonafide_types::Secret;
use serde::{Deserialize, Serialize};

/// Lifetime of the two authorities, in seconds (10 years).
const AUTHORITY_SECONDS: u64 = 10 * 365 * 86_400;

const SERVER_CA: &str = "server-ca";
const HOST_CA: &str = "host-ca";
const PEPPER: &str = "secret-pepper";

/// Why the secrets cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An authority.
    #[error(transparent)]
    Authority(#[from] CaError),
    /// A secret that the key file does not open.
    #[error("a secret in the database cannot be opened with the key file: {0}")]
    Seal(#[from] SealError),
    /// A secret that is not there or has another form.
    #[error("the secret '{0}' in the database is damaged")]
    Damaged(&'static str),
}

/// The opened secrets.
pub(crate) struct Secrets {
    /// Signs the server's certificate.
    pub(crate) server_ca: ServerCa,
    /// Signs host certificates.
    pub(crate) host_ca: HostCa,
    /// The key of the hashes of client secrets.
    pub(crate) pepper: Pepper,
}

/// An authority as it is sealed: its key and its certificate.
#[derive(Serialize, Deserialize)]
struct SealedAuthority {
    key: String,
    certificate: String,
}

/// Whether the store has none yet.
pub(crate) fn are_missing(store: &Store) -> Result<bool, StoreError> {
    Ok(store.read(|tx| tx.get(&INSTALLATION_SECRETS, &PEPPER.to_owned()))?.is_none())
}

/// Makes all, and keeps them in the store.
pub(crate) fn make(store: &Store, kek: &Kek) -> Result<(), SecretsError> {
    let now = clock::now().unix_seconds();
    let server = ServerCa::create(
        &ServerCaSpec {
            common_name: "bonafide",
            permitted_dns: &["localhost"],
            permitted_ip: &[IpSubnet::LOOPBACK_V4, IpSubnet::LOOPBACK_V6],
            lifetime_seconds: AUTHORITY_SECONDS,
        },
        now,
    )?;
    let hosts = HostCa::create(now, AUTHORITY_SECONDS)?;
    let pepper = Pepper::generate();
    let secrets = [
        (SERVER_CA, seal_authority(&server.to_pkcs8()?, server.certificate())),
        (HOST_CA, seal_authority(&hosts.to_pkcs8()?, hosts.certificate())),
        (PEPPER, Secret::new(pepper.expose().to_vec())),
    ];
    let sealed = secrets
        .iter()
        .map(|(name, secret)| Ok((*name, seal_installation_secret(kek, name, secret.expose())?)))
        .collect::<Result<Vec<_>, SealError>>()?;
    store.write(|tx| {
        for (name, sealed) in &sealed {
            tx.put(&INSTALLATION_SECRETS, &(*name).to_owned(), sealed)?;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}

/// Opens all.
pub(crate) fn open(store: &Store, kek: &Kek) -> Result<Secrets, SecretsError> {
    let (key, certificate) = open_authority(SERVER_CA, &open_one(store, kek, SERVER_CA)?)?;
    let server_ca = ServerCa::load(&key, &certificate)?;
    let host_ca = open_host_ca(store, kek)?;
    Ok(Secrets { server_ca, host_ca, pepper: open_pepper(store, kek)? })
}

/// Opens the key of the hashes of client secrets alone.
pub fn open_pepper(store: &Store, kek: &Kek) -> Result<Pepper, SecretsError> {
    let pepper = open_one(store, kek, PEPPER)?;
    let pepper: [u8; Pepper::BYTES] =
        pepper.expose().as_slice().try_into().map_err(|_| SecretsError::Damaged(PEPPER))?;
    Ok(Pepper::new(&Secret::new(pepper)))
}

/// Opens the authority of the hosts' certificates alone.
pub fn open_host_ca(store: &Store, kek: &Kek) -> Result<HostCa, SecretsError> {
    let (key, certificate) = open_authority(HOST_CA, &open_one(store, kek, HOST_CA)?)?;
    Ok(HostCa::load(&key, &certificate)?)
}

fn open_one(store: &Store, kek: &Kek, name: &'static str) -> Result<Secret<Vec<u8>>, SecretsError> {
    let sealed = store.read(|tx| tx.get(&INSTALLATION_SECRETS, &name.to_owned()))?;
    Ok(open_installation_secret(kek, name, &sealed.ok_or(SecretsError::Damaged(name))?)?)
}

fn seal_authority(key: &Secret<Vec<u8>>, certificate: &Certificate) -> Secret<Vec<u8>> {
    let authority =
        SealedAuthority { key: base64url::encode(key.expose()), certificate: base64url::encode(certificate.der()) };
    // A struct of two strings always has a JSON form.
    Secret::new(serde_json::to_vec(&authority).unwrap_or_default())
}

fn open_authority(name: &'static str, secret: &Secret<Vec<u8>>) -> Result<(Secret<Vec<u8>>, Vec<u8>), SecretsError> {
    let damaged = || SecretsError::Damaged(name);
    let authority: SealedAuthority = serde_json::from_slice(secret.expose()).map_err(|_| damaged())?;
    let key = base64url::decode(&authority.key).map_err(|_| damaged())?;
    let certificate = base64url::decode(&authority.certificate).map_err(|_| damaged())?;
    Ok((Secret::new(key), certificate))
}
