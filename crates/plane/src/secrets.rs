//! The secrets of the installation: the two authorities and the key of the hashes of client secrets, sealed in the store.

use bonafide_core::keys::{INSTALLATION_SECRETS, open_installation_secret, seal_installation_secret};
use bonafide_crypto::ca::{CaError, HostCa, IpSubnet, ServerCa, ServerCaSpec, ServerName};
use bonafide_crypto::seal::SealError;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_crypto::{Certificate, Kek};
use bonafide_http::clock;
use bonafide_store::{Read, Store, StoreError};
use bonafide_types::{Secret, base64url};
use serde::{Deserialize, Serialize};

/// Lifetime of the two authorities, in seconds (10 years).
const AUTHORITY_SECONDS: u64 = 10 * 365 * 86_400;

const SERVER_CA: &str = "server-ca";
const HOST_CA: &str = "host-ca";
/// Until rows had MACs it was under another name (`row_keys.rs`).
pub(crate) const PEPPER: &str = "pepper";

/// The reason why the secrets cannot be made or opened.
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
    #[error("the secret '{0}' in the database is damaged; restore the store from a backup")]
    Damaged(&'static str),
    /// A store that had MACs has no keys for them any more.
    #[error("the keys of the rows in the database are lost; restore the store from a backup")]
    RowKeysLost,
}

/// The opened secrets.
pub(crate) struct Secrets {
    /// Signs the server's certificate.
    pub(crate) server_ca: ServerCa,
    /// The same once more, for those who sign in its name.
    pub(crate) attesting_ca: ServerCa,
    /// Signs host certificates.
    pub(crate) host_ca: HostCa,
    /// The key of the hashes of client secrets.
    pub(crate) pepper: Pepper,
}

/// An authority as it is sealed: its key, its certificate, and that of the root above it, which has no key. The hosts'
/// authority has no root, nor has a server authority of the time before there were roots.
#[derive(Serialize, Deserialize)]
struct SealedAuthority {
    key: String,
    certificate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

/// An authority, opened.
struct OpenAuthority {
    key: Secret<Vec<u8>>,
    certificate_der: Vec<u8>,
    root_der: Option<Vec<u8>>,
}

/// Makes all, and keeps them in the store. The authority of servers may certify loopback names and `names`.
pub(crate) fn make(store: &Store, kek: &Kek, names: &[ServerName]) -> Result<(), SecretsError> {
    let now = clock::now().unix_seconds();
    let server = make_server_ca(names, now)?;
    let hosts = HostCa::create(now, AUTHORITY_SECONDS)?;
    let pepper = Pepper::generate();
    let secrets = [
        (SERVER_CA, seal_server_ca(&server)?),
        (HOST_CA, seal_authority(&hosts.to_pkcs8()?, hosts.certificate(), None)),
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

/// Makes a new authority of servers in the place of the one that there is, for other names.
pub(crate) fn replace_server_ca(store: &Store, kek: &Kek, names: &[ServerName]) -> Result<(), SecretsError> {
    let server = make_server_ca(names, clock::now().unix_seconds())?;
    let sealed = seal_installation_secret(kek, SERVER_CA, seal_server_ca(&server)?.expose())?;
    Ok(store.write(|tx| tx.put(&INSTALLATION_SECRETS, &SERVER_CA.to_owned(), &sealed))?)
}

fn make_server_ca(names: &[ServerName], now_seconds: u64) -> Result<ServerCa, CaError> {
    let (mut permitted_dns, mut permitted_ip) = (vec!["localhost"], vec![IpSubnet::LOOPBACK_V4, IpSubnet::LOOPBACK_V6]);
    for name in names {
        match name {
            ServerName::Dns(name) if !permitted_dns.contains(&name.as_str()) => permitted_dns.push(name),
            ServerName::Ip(address) if !permitted_ip.iter().any(|subnet| subnet.contains(*address)) => {
                permitted_ip.push(IpSubnet::single(*address));
            }
            ServerName::Dns(_) | ServerName::Ip(_) => {}
        }
    }
    let (permitted_dns, permitted_ip) = (permitted_dns.as_slice(), permitted_ip.as_slice());
    let spec =
        ServerCaSpec { common_name: "bonafide", permitted_dns, permitted_ip, lifetime_seconds: AUTHORITY_SECONDS };
    ServerCa::create(&spec, now_seconds)
}

fn seal_server_ca(server: &ServerCa) -> Result<Secret<Vec<u8>>, CaError> {
    Ok(seal_authority(&server.to_pkcs8()?, server.certificate(), server.root()))
}

/// Opens all.
pub(crate) fn open(store: &Store, kek: &Kek) -> Result<Secrets, SecretsError> {
    let (server_ca, attesting_ca) = (open_server_ca(store, kek)?, open_server_ca(store, kek)?);
    let host_ca = open_host_ca(store, kek)?;
    Ok(Secrets { server_ca, attesting_ca, host_ca, pepper: open_pepper(store, kek)? })
}

/// Opens the key of the hashes of client secrets alone.
pub fn open_pepper(store: &Store, kek: &Kek) -> Result<Pepper, SecretsError> {
    let pepper = open_one(store, kek, PEPPER)?;
    let pepper: [u8; Pepper::BYTES] =
        pepper.expose().as_slice().try_into().map_err(|_| SecretsError::Damaged(PEPPER))?;
    Ok(Pepper::new(&Secret::new(pepper)))
}

/// Opens the authority of the server's certificate alone.
pub fn open_server_ca(store: &Store, kek: &Kek) -> Result<ServerCa, SecretsError> {
    let sealed = open_authority(SERVER_CA, &open_one(store, kek, SERVER_CA)?)?;
    Ok(ServerCa::load(&sealed.key, &sealed.certificate_der, sealed.root_der.as_deref())?)
}

/// Opens the authority of the hosts' certificates alone.
pub fn open_host_ca(store: &Store, kek: &Kek) -> Result<HostCa, SecretsError> {
    let sealed = open_authority(HOST_CA, &open_one(store, kek, HOST_CA)?)?;
    Ok(HostCa::load(&sealed.key, &sealed.certificate_der)?)
}

fn open_one(store: &Store, kek: &Kek, name: &'static str) -> Result<Secret<Vec<u8>>, SecretsError> {
    let sealed = store.read(|tx| tx.get(&INSTALLATION_SECRETS, &name.to_owned()))?;
    Ok(open_installation_secret(kek, name, &sealed.ok_or(SecretsError::Damaged(name))?)?)
}

fn seal_authority(key: &Secret<Vec<u8>>, certificate: &Certificate, root: Option<&Certificate>) -> Secret<Vec<u8>> {
    let authority = SealedAuthority {
        key: base64url::encode(key.expose()),
        certificate: base64url::encode(certificate.der()),
        root: root.map(|root| base64url::encode(root.der())),
    };
    // A struct of strings always has a JSON form.
    Secret::new(serde_json::to_vec(&authority).unwrap_or_default())
}

fn open_authority(name: &'static str, secret: &Secret<Vec<u8>>) -> Result<OpenAuthority, SecretsError> {
    let damaged = || SecretsError::Damaged(name);
    let decoded = |text: &str| base64url::decode(text).map_err(|_| damaged());
    let authority: SealedAuthority = serde_json::from_slice(secret.expose()).map_err(|_| damaged())?;
    Ok(OpenAuthority {
        key: Secret::new(decoded(&authority.key)?),
        certificate_der: decoded(&authority.certificate)?,
        root_der: authority.root.as_deref().map(decoded).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_sealed_before_there_were_roots_opens_without_one() {
        let ca = HostCa::create(clock::now().unix_seconds(), AUTHORITY_SECONDS).unwrap();
        let (key, certificate) = (ca.to_pkcs8().unwrap(), ca.certificate());
        let (key_text, certificate_text) = (base64url::encode(key.expose()), base64url::encode(certificate.der()));
        let old = format!(r#"{{"key":"{key_text}","certificate":"{certificate_text}"}}"#).into_bytes();
        assert_eq!(seal_authority(&key, certificate, None).expose(), &old);
        for (sealed, root) in [
            (Secret::new(old), None),
            (seal_authority(&key, certificate, Some(certificate)), Some(certificate.der().to_vec())),
        ] {
            let opened = open_authority(SERVER_CA, &sealed).unwrap();
            assert_eq!((opened.key.expose(), &opened.certificate_der[..]), (key.expose(), certificate.der()));
            assert_eq!(opened.root_der, root);
        }
    }
}
