//! The description of an installation: printed by `up` and `info`, read by scripts.

use crate::files::PlaneFiles;
use crate::start::Running;
use bonafide_files::{FilesError, Readers, io, read};
use bonafide_types::{ClientId, ResourceId, SubscriptionId, TenantId};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::PathBuf;

/// The description of a data directory (`info --json`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The tenant made on first start.
    pub tenant_id: TenantId,
    /// The subscription made on first start.
    pub subscription_id: SubscriptionId,
    /// Base URLs of the surfaces.
    pub endpoints: Endpoints,
    /// The certificate of the authority to trust.
    pub ca_file: PathBuf,
    /// The principal that may do everything.
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
    /// The hosts listener, for `host join`. A description that an older version wrote has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hosts: String,
}

/// The operator made on first start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operator {
    /// The client id that it signs in as.
    pub client_id: ClientId,
    /// The file with its client secret.
    pub secret_file: PathBuf,
    /// One PEM with its key and certificate, as `az login --certificate` takes it.
    pub certificate_file: PathBuf,
}

/// The metadata endpoint of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadEndpoint {
    /// The workload's ARM id.
    pub resource_id: ResourceId,
    /// Base URL of its metadata endpoint.
    pub endpoint: String,
    /// The dialects that are spoken there.
    pub dialects: Vec<String>,
    /// The file with the secret that callers must show, which its owner alone may read, in a dialect that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_file: Option<PathBuf>,
}

impl Running {
    /// The description of this installation as it is served now.
    pub fn describe(&self, files: &PlaneFiles, workloads: Vec<WorkloadEndpoint>) -> Description {
        // Scripts run in other folders.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let (installation, names) = (&self.installation, &self.plane.management);
        Description {
            tenant_id: installation.tenant,
            subscription_id: installation.subscription,
            endpoints: Endpoints {
                login: names.login.clone(),
                management: names.management.clone(),
                graph: names.graph.clone(),
                hosts: self.hosts_url.clone(),
            },
            ca_file: absolute(files.ca_file()),
            operator: Operator {
                client_id: installation.operator_client,
                secret_file: absolute(files.operator_secret()),
                certificate_file: absolute(files.operator_certificate()),
            },
            workloads,
        }
    }
}

impl Description {
    /// Reads the description of a data directory, running or not.
    pub fn read(files: &PlaneFiles) -> Result<Self, FilesError> {
        let path = files.description();
        let text = read(&path, Readers::Anybody).map_err(|error| match error {
            FilesError::Io { error, .. } if error.kind() == ErrorKind::NotFound => FilesError::NotThere(path.clone()),
            other => other,
        })?;
        serde_json::from_slice(&text).map_err(|error| FilesError::Damaged {
            path,
            reason: error.to_string(),
            remedy: "`bonafide up` writes it anew at each start",
        })
    }

    /// Writes the description.
    pub fn write(&self, files: &PlaneFiles) -> Result<(), FilesError> {
        let path = files.description();
        let text = serde_json::to_vec(self).map_err(|error| io(&path, error.into()))?;
        files.write_description(&text)
    }
}
