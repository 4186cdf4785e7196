//! What there is and where: printed by `up` and `info`, read by scripts.

use crate::data_dir::{DataDir, DataDirError, io, write_public};
use bonafide_types::{ClientId, ResourceId, SubscriptionId, TenantId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The description of a data directory (`info --json`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The tenant made on first start.
    pub tenant_id: TenantId,
    /// The subscription made on first start.
    pub subscription_id: SubscriptionId,
    /// Where the surfaces are.
    pub endpoints: Endpoints,
    /// The certificate of the authority to trust.
    pub ca_file: PathBuf,
    /// Who may do everything.
    pub operator: Operator,
    /// Workloads on this machine.
    pub workloads: Vec<WorkloadEndpoint>,
}

/// Base URLs of what is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// The token service; also `AZURE_AUTHORITY_HOST`.
    pub login: String,
    /// The resource manager.
    pub management: String,
    /// Microsoft Graph, without `/v1.0`. A description that an older version wrote has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub graph: String,
}

/// The operator made on first start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operator {
    /// What it signs in as.
    pub client_id: ClientId,
    /// The file with its client secret.
    pub secret_file: PathBuf,
    /// One PEM with its key and certificate, as `az login --certificate` takes it.
    pub certificate_file: PathBuf,
}

/// Where a workload's metadata endpoint is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadEndpoint {
    /// The workload's ARM id.
    pub resource_id: ResourceId,
    /// Base URL of its metadata endpoint.
    pub endpoint: String,
    /// What is spoken there.
    pub dialects: Vec<String>,
}

impl Description {
    /// Reads the description of a data directory, running or not.
    pub fn read(dir: &DataDir) -> Result<Self, DataDirError> {
        let path = dir.description();
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => DataDirError::NotThere(path.clone()),
            _ => io(&path, error),
        })?;
        serde_json::from_slice(&text).map_err(|error| DataDirError::Damaged {
            path,
            reason: error.to_string(),
            remedy: "`bonafide up` writes it anew at each start",
        })
    }

    pub(crate) fn write(&self, dir: &DataDir) -> Result<(), DataDirError> {
        let path = dir.description();
        let text = serde_json::to_vec(self).map_err(|error| io(&path, error.into()))?;
        write_public(&path, &text)
    }
}
