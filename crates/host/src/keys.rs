//! Identity keys: made on this host, registered with the control plane, renewed at half of their
//! life, sealed on disk. They never leave the host.

use crate::enrol::refusal;
use crate::files::HostFiles;
use crate::state::{StateError, context};
use crate::upstream::{Upstream, UpstreamFailure};
use bonafide_crypto::seal::{self, Sealed};
use bonafide_crypto::{AgentKey, Kek, SelfSigned, SignError, base64url, thumbprint};
use bonafide_files::{io, write_private};
use bonafide_http::Event;
use bonafide_http::Log;
use bonafide_http::clock;
use bonafide_metadata::{CredentialStep, credential_step};
use bonafide_types::limits::IDENTITY_CREDENTIAL_SECONDS;
use bonafide_types::{ObjectId, ResourceUuid, Timestamp};
use bonafide_wire::hosts::{CredentialReply, CredentialRequest, credential_path};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long registering a key may take.
const REGISTER: Duration = Duration::from_secs(5);

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
    #[error("the control plane refused the key of {0}: {1}")]
    Refused(ObjectId, String),
    #[error(transparent)]
    Key(#[from] SignError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// A registered key.
pub(crate) struct IdentityKey {
    pub(crate) key: AgentKey,
    /// `x5t#S256` of the registered certificate.
    pub(crate) thumbprint: String,
    not_after: u64,
}

/// A key file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyFile {
    key: Sealed,
    thumbprint: String,
    not_after: u64,
}

/// All identity keys of this host.
pub(crate) struct IdentityKeys {
    files: HostFiles,
    kek: Kek,
    slots: SyncMutex<HashMap<ObjectId, Slot>>,
    log: Arc<Log>,
}

/// Held by whoever makes the key of one identity, so that it is made once.
type Slot = Arc<Mutex<Option<Arc<IdentityKey>>>>;

impl IdentityKeys {
    pub(crate) fn new(files: HostFiles, kek: Kek, log: Arc<Log>) -> Self {
        Self { files, kek, slots: SyncMutex::new(HashMap::new()), log }
    }

    /// The key of an identity: from memory, from disk, or made and registered now.
    pub(crate) async fn key(
        &self,
        upstream: &Upstream,
        workload: ResourceUuid,
        principal: ObjectId,
    ) -> Result<Arc<IdentityKey>, KeyError> {
        let slot = self.slot(principal);
        let mut held = slot.lock().await;
        if held.is_none() {
            *held = self.read(principal)?.map(Arc::new);
        }
        let not_after = held.as_ref().map(|known| Timestamp::from_unix_seconds(known.not_after));
        let step = credential_step(not_after, clock::now());
        match held.as_ref() {
            Some(known) if step == CredentialStep::Keep => return Ok(Arc::clone(known)),
            Some(_) | None => {}
        }
        match (self.make(upstream, workload, principal).await, held.as_ref()) {
            (Ok(made), _) => Ok(Arc::clone(held.insert(Arc::new(made)))),
            // The old key counts until it expires.
            (Err(error), Some(known)) if step == CredentialStep::Renew => {
                self.log.event(
                    &Event::named("identityKeyNotRenewed").with("workload", workload).with("principal", principal),
                    &error,
                );
                Ok(Arc::clone(known))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Forgets a key that the control plane no longer knows, so that the next use makes a new one.
    pub(crate) async fn forget(&self, principal: ObjectId) {
        let slot = self.slot(principal);
        *slot.lock().await = None;
        // Where it cannot be removed it is overwritten by the next key.
        let _ = std::fs::remove_file(self.path(principal));
    }

    /// Removes the keys of identities that are no longer on this host.
    pub(crate) fn keep_only(&self, placed: &std::collections::HashSet<ObjectId>) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).retain(|principal, _| placed.contains(principal));
        let Ok(files) = std::fs::read_dir(self.files.keys()) else { return };
        for file in files.flatten() {
            let name = file.file_name();
            let principal = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<ObjectId>().ok());
            if principal.is_some_and(|principal| !placed.contains(&principal)) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }

    fn slot(&self, principal: ObjectId) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(principal).or_default())
    }

    fn path(&self, principal: ObjectId) -> PathBuf {
        self.files.keys().join(format!("{principal}.json"))
    }

    fn read(&self, principal: ObjectId) -> Result<Option<IdentityKey>, KeyError> {
        let path = self.path(principal);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::from(io(&path, error)).into()),
        };
        // A damaged file is no reason to refuse tokens: a new key replaces it.
        let Ok(file) = serde_json::from_slice::<KeyFile>(&text) else { return Ok(None) };
        let name = principal.to_string();
        let Ok(pkcs8) = seal::open(&self.kek, &context("identity-key", &name), &file.key) else { return Ok(None) };
        let key = AgentKey::from_pkcs8(&pkcs8)?;
        Ok(Some(IdentityKey { key, thumbprint: file.thumbprint, not_after: file.not_after }))
    }

    async fn make(
        &self,
        upstream: &Upstream,
        workload: ResourceUuid,
        principal: ObjectId,
    ) -> Result<IdentityKey, KeyError> {
        let now = clock::now().unix_seconds();
        let key = AgentKey::generate()?;
        let name = principal.to_string();
        let spec = SelfSigned::starting(&name, now, IDENTITY_CREDENTIAL_SECONDS);
        let certificate = key.self_signed_certificate(&spec)?;
        let request = CredentialRequest { workload, certificate: base64url::encode_standard(&certificate) };
        let body = serde_json::to_vec(&request).map_err(|error| KeyError::Refused(principal, error.to_string()))?;
        let path = credential_path(principal);
        let (status, reply) =
            upstream.send(Method::PUT, &path, "application/json", Bytes::from(body), REGISTER).await?;
        if status != StatusCode::OK {
            return Err(KeyError::Refused(principal, refusal(&reply)));
        }
        let registered: CredentialReply =
            serde_json::from_slice(&reply).map_err(|error| KeyError::Refused(principal, error.to_string()))?;
        let thumbprint = base64url::encode(&thumbprint::sha256(&certificate));
        let sealed = seal::seal(&self.kek, &context("identity-key", &principal.to_string()), key.to_pkcs8()?.expose())
            .map_err(StateError::from)?;
        let file = KeyFile { key: sealed, thumbprint: thumbprint.clone(), not_after: registered.not_after };
        let path = self.path(principal);
        let text = serde_json::to_vec(&file).map_err(|error| StateError::from(io(&path, error.into())))?;
        write_private(&path, &text).map_err(StateError::from)?;
        Ok(IdentityKey { key, thumbprint, not_after: registered.not_after })
    }
}
