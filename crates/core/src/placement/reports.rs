//! Reports of hosts on the endpoints of extensions: one row for each workload on each host that has reported.

use bonafide_store::{Absence, Table};
use bonafide_types::{HostId, ResourceUuid, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A host's report on the endpoint of an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionStatus {
    /// The run that it is about.
    pub run: Uuid,
    /// The state of the endpoint.
    pub state: ExtensionState,
    /// The host's own words, bounded and printable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The time of the report.
    pub at: Timestamp,
}

/// The state of the endpoint of an extension, as its host sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExtensionState {
    /// It answers.
    Answers,
    /// It answered, and does not any more.
    Stopped,
    /// It could not be served, because the name of the token service is not resolved.
    LoginNotResolved,
    /// It could not be served, because another process has the port.
    PortTaken,
    /// It could not be served, because the machine has a kernel of its own and nothing in it passes requests on.
    NoForwarder,
    /// It could not be served, because the machine runs another operating system.
    OtherSystem,
    /// It could not be served for another reason.
    Failed,
}

/// Reports by host and workload.
pub const EXTENSION_STATUS: Table<(HostId, ResourceUuid), ExtensionStatus> =
    Table::new("extension-status", Absence::Withholds);
