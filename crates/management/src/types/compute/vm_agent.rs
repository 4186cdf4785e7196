//! `vmAgent` of an instance view. Inside of a machine there is no agent here: the one that does its work is its host's, and what
//! is told is whether that is connected. Form, codes and `Unknown`, the version where none was reported, are Azure's, from the
//! answers on its pages for `az vm get-instance-view`; the messages are **ours**.

use crate::stored::Stored;
use bonafide_core::directory::{Power, Resource};
use bonafide_store::StoreError;
use bonafide_types::{HostId, ResourceUuid, Timestamp};
use serde_json::{Value, json};

/// The agent of a machine; `None` for one that does not run, or is on no host.
pub(super) fn of(
    tx: &dyn Stored,
    (uuid, machine): (ResourceUuid, &Resource),
    now: Timestamp,
    is_connected: &dyn Fn(HostId) -> bool,
) -> Result<Option<Value>, StoreError> {
    let hosts = tx.hosts_of(uuid)?;
    if machine.power != Power::Running || hosts.is_empty() {
        return Ok(None);
    }
    let (code, level, shown, message) = match hosts.into_iter().any(is_connected) {
        true => ("succeeded", "Info", "Ready", "The agent of the machine's host is connected."),
        false => (
            "Unavailable",
            "Warning",
            "Not Ready",
            "The agent of the machine's host is not connected: what runs on it is served what it has until it is.",
        ),
    };
    Ok(Some(json!({
        "vmAgentVersion": "Unknown",
        "statuses": [{
            "code": format!("ProvisioningState/{code}"),
            "level": level,
            "displayStatus": shown,
            "message": message,
            "time": now.arm().replace('Z', "+00:00"),
        }],
    })))
}
