//! The state that the agent keeps across restarts: its host id, its certificate and its sealed key.

use crate::files::HostFiles;
use bonafide_crypto::seal::{self, SealContext, SealError, Sealed};
use bonafide_crypto::{AgentKey, Certificate, Kek, SignError};
use bonafide_files::{FilesError, Readers, io, read, write_private};
use bonafide_http::clock;
use bonafide_types::{HostId, Lifetime, Secret, Timestamp, base64url};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The state file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AgentState {
    /// The id of this host.
    pub(crate) host_id: HostId,
    /// The host's private key, sealed.
    pub(crate) key: Sealed,
    /// The host's certificate, base64url of its DER.
    pub(crate) certificate: String,
    /// The end of the validity of the certificate, in seconds since the epoch.
    pub(crate) not_after: u64,
}

/// The reason why the agent's own files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The files themselves.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The key-encryption key is missing. The agent can do without what it sealed.
    #[error(
        "the key file {0} is missing, but the agent's keys were sealed with it; put it back from your backup, or \
         delete agent/state.json, and the agent joins anew"
    )]
    KeyMissing(PathBuf),
    /// A key in them cannot be opened.
    #[error(
        "a key of the agent cannot be opened with its key file: {0}; put agent/key back from your backup, or delete \
         agent/state.json, and the agent joins anew"
    )]
    Seal(#[from] SealError),
    /// A key in them is damaged.
    #[error("a key of the agent is damaged: {0}")]
    Key(#[from] SignError),
}

impl AgentState {
    /// Reads the state; `None` when there is none yet.
    pub(crate) fn read(files: &HostFiles) -> Result<Option<Self>, StateError> {
        let path = files.state();
        match read(&path, Readers::Owner) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).map_err(|error| FilesError::Damaged {
                path,
                reason: error.to_string(),
                remedy: "delete it, and the agent joins anew at the next start",
            })?)),
            Err(FilesError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn write(&self, files: &HostFiles) -> Result<(), StateError> {
        let path = files.state();
        let text = serde_json::to_vec(self).map_err(|error| io(&path, error.into()))?;
        Ok(write_private(&path, &text)?)
    }

    /// Reads the agent's own key-encryption key, or makes one where nothing was sealed yet.
    pub(crate) fn kek(files: &HostFiles) -> Result<Kek, StateError> {
        let fresh = !files.state().exists();
        files.read_key(fresh).map_err(|error| match error {
            FilesError::KeyMissing(path) => StateError::KeyMissing(path),
            other => other.into(),
        })
    }

    /// The life of the certificate.
    pub(crate) fn lifetime(&self) -> Result<Lifetime, StateError> {
        let certificate = self.certificate()?;
        let at = Timestamp::from_unix_seconds;
        Ok(Lifetime {
            not_before: at(certificate.not_before_seconds()),
            not_after: at(certificate.not_after_seconds()),
        })
    }

    fn certificate(&self) -> Result<Certificate, StateError> {
        let der = base64url::decode(&self.certificate).map_err(|_| SignError::Certificate)?;
        Ok(Certificate::from_der(&der).map_err(|_| SignError::Certificate)?)
    }

    /// The host's key and certificate (DER), opened.
    pub(crate) fn open(&self, kek: &Kek) -> Result<(Secret<Vec<u8>>, Vec<u8>), StateError> {
        let key = seal::open(kek, &context("host-key", "host"), &self.key)?;
        let certificate = base64url::decode(&self.certificate).map_err(|_| SignError::Certificate)?;
        Ok((key, certificate))
    }
}

/// Puts the folder of an agent aside whose certificate is of another installation, where the control plane's database was
/// replaced or a folder was moved: it opens no connection here, and the agent joins anew without it. The folder's new name.
/// Only while this process has the data directory, and before an agent starts on it.
pub fn set_aside_of_another(
    files: &HostFiles,
    is_ours: impl FnOnce(&Certificate) -> bool,
) -> Result<Option<PathBuf>, StateError> {
    let Some(state) = AgentState::read(files)? else { return Ok(None) };
    if is_ours(&state.certificate()?) {
        return Ok(None);
    }
    Ok(Some(files.set_aside(&clock::now().unix_micros().to_string())?))
}

/// Seals the key of the host itself.
pub(crate) fn seal_host_key(kek: &Kek, key: &AgentKey) -> Result<Sealed, StateError> {
    Ok(seal::seal(kek, &context("host-key", "host"), key.to_pkcs8()?.expose())?)
}

pub(crate) fn context<'a>(purpose: &'a str, name: &'a str) -> SealContext<'a> {
    SealContext { purpose, tenant: "", name, version: "1" }
}
