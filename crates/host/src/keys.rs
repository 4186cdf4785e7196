//! Identity keys of this host, sealed on disk: they never leave it. When one is made and renewed is for
//! `bonafide_metadata::host` to say.

use crate::files::HostFiles;
use crate::link::Link;
use crate::state::{StateError, context};
use crate::upstream::UpstreamFailure;
use bonafide_crypto::seal::{self, Sealed};
use bonafide_crypto::{AgentKey, Kek, SignError};
use bonafide_files::{FilesError, Readers, io, read, write_private};
use bonafide_http::Event;
use bonafide_http::Log;
use bonafide_http::clock;
use bonafide_metadata::UpstreamError;
use bonafide_metadata::host::{IdentityKey, KeyStep, NewKey, Refused, RefusedFor, key_step};
use bonafide_types::{ObjectId, ResourceUuid, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// Longest time that the registration of a key may take.
const REGISTER: Duration = Duration::from_secs(5);

/// The reason why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
    #[error("the control plane refused the key of {0}: {1}")]
    Refused(ObjectId, Refused),
    #[error(transparent)]
    Key(#[from] SignError),
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<KeyError> for UpstreamError {
    fn from(error: KeyError) -> Self {
        let why = error.to_string();
        match error {
            KeyError::Refused(_, Refused { meaning: RefusedFor::DiskFull, .. }) => Self::DiskFull(why),
            KeyError::Refused(..) | KeyError::Upstream(_) | KeyError::Key(_) | KeyError::State(_) => {
                Self::Unreachable(why)
            }
        }
    }
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
        link: &Link,
        workload: ResourceUuid,
        principal: ObjectId,
    ) -> Result<Arc<IdentityKey>, KeyError> {
        let slot = self.slot(principal);
        let mut held = slot.lock().await;
        if held.is_none() {
            *held = self.read(principal)?.map(Arc::new);
        }
        let old = match key_step(held.clone(), clock::now()) {
            KeyStep::Use(key) => return Ok(key),
            KeyStep::Make(old) => old,
        };
        match (self.make(link, workload, principal).await, old) {
            (Ok(made), _) => Ok(Arc::clone(held.insert(Arc::new(made)))),
            (Err(error), Some(old)) => {
                self.log.event(
                    &Event::named("identityKeyNotRenewed").with("workload", workload).with("principal", principal),
                    &error,
                );
                Ok(old)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Forgets a key that the control plane no longer knows, so that the next use makes a new one.
    pub(crate) async fn forget(&self, principal: ObjectId) {
        let slot = self.slot(principal);
        *slot.lock().await = None;
        // A file that cannot be removed is overwritten by the next key.
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
        let text = match read(&path, Readers::Owner) {
            Ok(text) => text,
            Err(FilesError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::from(error).into()),
        };
        // A damaged file is no reason to refuse tokens: a new key replaces it.
        let Ok(file) = serde_json::from_slice::<KeyFile>(&text) else { return Ok(None) };
        let name = principal.to_string();
        let Ok(pkcs8) = seal::open(&self.kek, &context("identity-key", &name), &file.key) else { return Ok(None) };
        let key = AgentKey::from_pkcs8(&pkcs8)?;
        Ok(Some(IdentityKey::kept(key, file.thumbprint, Timestamp::from_unix_seconds(file.not_after))))
    }

    async fn make(&self, link: &Link, workload: ResourceUuid, principal: ObjectId) -> Result<IdentityKey, KeyError> {
        let new = NewKey::make(principal, clock::now())?;
        let (status, reply) = link.send(new.request(workload), REGISTER).await?;
        let key = new.registered(status, &reply).map_err(|why| KeyError::Refused(principal, why))?;
        // The next start makes another one: no reason to refuse tokens until then.
        if let Err(error) = self.write(principal, &key) {
            let event = Event::named("identityKeyNotKept").with("workload", workload).with("principal", principal);
            self.log.event(&event, &error);
        }
        Ok(key)
    }

    fn write(&self, principal: ObjectId, key: &IdentityKey) -> Result<(), StateError> {
        let name = principal.to_string();
        let context = context("identity-key", &name);
        let sealed = seal::seal(&self.kek, &context, key.pair().to_pkcs8()?.expose())?;
        let not_after = key.not_after().unix_seconds();
        let file = KeyFile { key: sealed, thumbprint: key.thumbprint().to_owned(), not_after };
        let path = self.path(principal);
        let text = serde_json::to_vec(&file).map_err(|error| io(&path, error.into()))?;
        Ok(write_private(&path, &text)?)
    }
}
