//! An extension as it is shown, and in the view of its machine.

use super::asked::{self, properties};
use super::of_instance::of_model;
use super::provisioning::{Provisioning, provisioning};
use crate::fault::Fault;
use crate::resource_type::{Stored, View};
use bonafide_core::directory::Resource;
use bonafide_store::StoreError;
use bonafide_types::{ResourceUuid, Timestamp};
use serde_json::{Map, Value, json};

/// Completes the properties of an extension.
pub(super) fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    let machine = match view.resource.parent {
        Some(uuid) => view.tx.resource(uuid)?.map(|machine| (uuid, machine)),
        None => None,
    };
    let state = match &machine {
        Some((uuid, machine)) => status(view.tx, (*uuid, machine), view.resource, view.now)?,
        None => None,
    };
    properties.insert("provisioningState".to_owned(), word(state.as_ref(), view.resource).into());
    if view.expands("instanceView") {
        let name = machine.as_ref().map_or("", |(_, machine)| machine.id.name());
        properties.insert("instanceView".to_owned(), instance_view(view.resource, state.as_ref(), name));
    }
    Ok(())
}

/// The extensions of a machine in its instance view, in which az finds one by its publisher and type.
pub(crate) fn of_machine(
    tx: &dyn Stored,
    machine: (ResourceUuid, &Resource),
    now: Timestamp,
) -> Result<Vec<Value>, StoreError> {
    let mut shown = Vec::new();
    let type_name = format!("{}/extensions", machine.1.id.type_name());
    let mut show = |extension: &Resource| {
        let state = status(tx, machine, extension, now)?;
        shown.push(instance_view(extension, state.as_ref(), machine.1.id.name()));
        Ok::<_, StoreError>(())
    };
    if let Some((_, extension)) = of_model(machine.0, machine.1) {
        show(&extension)?;
    }
    for uuid in tx.below(machine.0)? {
        if let Some(extension) = tx.resource(uuid)?.filter(|row| row.id.is_of(&type_name)) {
            show(&extension)?;
        }
    }
    Ok(shown)
}

/// The state of an extension that serves tokens; `None` for another one.
fn status(
    tx: &dyn Stored,
    machine: (ResourceUuid, &Resource),
    extension: &Resource,
    now: Timestamp,
) -> Result<Option<Provisioning>, StoreError> {
    match asked::system(&properties(&extension.body)) {
        Ok(None) => Ok(None),
        _ => provisioning(tx, machine, extension, now).map(Some),
    }
}

/// `provisioningState`. An extension that stopped was provisioned; its instance view says that it stopped.
pub(crate) fn word(state: Option<&Provisioning>, extension: &Resource) -> &'static str {
    match state {
        None | Some(Provisioning::Answers | Provisioning::Stopped(_)) => "Succeeded",
        Some(Provisioning::Failed(_)) => "Failed",
        Some(Provisioning::Pending) if extension.version <= 1 => "Creating",
        Some(Provisioning::Pending) => "Updating",
    }
}

/// `instanceView` of an extension.
fn instance_view(extension: &Resource, state: Option<&Provisioning>, machine: &str) -> Value {
    let properties = properties(&extension.body);
    let text = |name| asked::member(&properties, name).and_then(Value::as_str).unwrap_or_default();
    let (code, level, display, message) = match state {
        None | Some(Provisioning::Answers) => ("succeeded", "Info", "Provisioning succeeded", String::new()),
        Some(Provisioning::Pending) => ("creating", "Info", "Creating", String::new()),
        Some(Provisioning::Failed(cause)) => ("failed", "Error", "Provisioning failed", cause.text(machine)),
        Some(Provisioning::Stopped(detail)) => {
            let stopped =
                "The endpoint has stopped: restart the machine, or write the extension with another forceUpdateTag.";
            let detail = if detail.is_empty() { String::new() } else { format!(" The host says: {detail}") };
            ("failed", "Error", "Stopped", format!("{stopped}{detail}"))
        }
    };
    let time = extension.changed_at.arm().replace('Z', "+00:00");
    let mut status = json!({ "code": format!("ProvisioningState/{code}"), "level": level, "displayStatus": display });
    if !message.is_empty() {
        status["message"] = message.into();
    }
    status["time"] = time.into();
    json!({
        "name": extension.id.name(),
        "type": format!("{}.{}", text("publisher"), text("type")),
        "typeHandlerVersion": text("typeHandlerVersion"),
        "statuses": [status],
    })
}
