//! The sealed files: what is in each, and what it is bound to.

use bonafide_crypto::seal::{SealContext, SealError};
use bonafide_crypto::{Kek, sealed_file};
use bonafide_files::{FilesError, Readers, read, write_private};
use bonafide_metadata::{KeptAt, KeptToken};
use bonafide_types::{ResourceUuid, Secret};
use bonafide_wire::hosts::Workload;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use uuid::Uuid;

/// The workloads that are to run here, as they were last heard of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DesiredFile {
    /// A number that each version of this file has one more of.
    pub(crate) generation: u64,
    pub(crate) facts: Facts,
    pub(crate) rows: BTreeMap<ResourceUuid, Row>,
}

/// The facts about a control plane without which its tokens are other tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Facts {
    /// The token service's origin, which tokens name as their issuer.
    pub(crate) authority: String,
    /// The history of its store; a restored one has another.
    pub(crate) epoch: String,
    /// The settings of this process that tokens depend on.
    pub(crate) settings: String,
}

/// A workload, and the version of its tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    /// Another one whenever an identity was taken away: tokens that were kept before do not open any more.
    pub(crate) tokens: Uuid,
}

/// The tokens of a workload.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TokensFile {
    pub(crate) written: KeptAt,
    pub(crate) tokens: Vec<KeptToken>,
}

/// The newest version of the desired state that there was, and the last moment on record. It lies outside of the folder whose
/// older copy it tells.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SeenFile {
    pub(crate) generation: u64,
    pub(crate) at: KeptAt,
}

/// The reason why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefusedFile {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("it is of another version: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("an older version was put back, or the file agent.seen beside the folder is gone")]
    Older,
}

/// One kind of file, bound to this machine and to what it is about.
pub(crate) struct Binder<'a> {
    pub(crate) kek: &'a Kek,
    pub(crate) machine: &'a str,
    pub(crate) purpose: &'static str,
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Binder<'_> {
    fn context(&self) -> SealContext<'_> {
        let Self { machine, purpose, name, version, .. } = self;
        SealContext { purpose, tenant: machine, name, version }
    }

    /// Reads a file; `None` where there is none.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, RefusedFile> {
        let sealed = match read(path, Readers::Owner) {
            Err(FilesError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let content = sealed_file::open(self.kek, &self.context(), &sealed)?;
        Ok(Some(serde_json::from_slice(content.expose())?))
    }

    /// Writes a file, whole and durable: its size.
    pub(crate) fn write(&self, path: &Path, content: &impl Serialize) -> Result<u64, RefusedFile> {
        let content = Secret::new(serde_json::to_vec(content)?);
        let sealed = sealed_file::seal(self.kek, &self.context(), content.expose())?;
        write_private(path, &sealed)?;
        Ok(sealed.len() as u64)
    }
}
