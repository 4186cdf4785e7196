//! The operation of a write that waits for the report of a host.

use super::asked::{member, properties};
use super::provisioning::{Cause, Provisioning, provisioning};
use crate::operations::{Failure, Step, StepError, Worker, unreadable};
use bonafide_core::directory::{RESOURCES, Resource};
use bonafide_store::Read;
use bonafide_types::ResourceUuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The state of the operation.
#[derive(Serialize, Deserialize)]
pub(super) struct InProgress {
    pub(super) extension: ResourceUuid,
    pub(super) run: Uuid,
}

/// Waits for a report on the run that a write asked for.
pub(crate) static EXTENSIONS: Worker = Worker {
    kind: "provisionExtension",
    step: |tx, turn, work| {
        let InProgress { extension, run } = work.state().ok_or_else(unreadable)?;
        let row = tx.get(&RESOURCES, &extension)?;
        let row = row.filter(|row| row.extension.is_some_and(|asked| asked.run == run)).ok_or_else(preempted)?;
        let machine = row.parent.ok_or_else(preempted)?;
        let parent = tx.get(&RESOURCES, &machine)?.ok_or_else(preempted)?;
        match provisioning(tx, (machine, &parent), &row, turn.cx.world.now)? {
            Provisioning::Answers | Provisioning::Stopped(_) => Ok(Step::Last),
            Provisioning::Pending => Ok(Step::Waits),
            Provisioning::Failed(cause) => Err(StepError::Failed(failure(&row, parent.id.name(), &cause))),
        }
    },
    give_up: |_, _, _, _| Ok(()),
    takes_away: false,
};

/// The end of an operation whose extension was deleted, or whose work a later one does.
pub(crate) fn preempted() -> StepError {
    let message = "The operation has been preempted by a more recent one.";
    StepError::Failed(Failure::new("OperationPreempted", message))
}

/// The error of an extension that could not be provisioned, in Azure's words.
pub(crate) fn failure(extension: &Resource, machine: &str, cause: &Cause) -> Failure {
    let properties = properties(&extension.body);
    let text = |name| member(&properties, name).and_then(Value::as_str).unwrap_or_default();
    let message = format!(
        "VM has reported a failure when processing extension '{}' (publisher '{}' and type '{}'). Error message: '{}'.",
        extension.id.name(),
        text("publisher"),
        text("type"),
        cause.text(machine)
    );
    Failure::new("VMExtensionProvisioningError", message)
}
