//! Writing an extension: what it asks of the hosts of its machine, and when it asks anew.

use super::asked::{self, Asked, member, properties};
use super::provisioning::{Cause, Provisioning, provisioning};
use super::worker::{EXTENSIONS, InProgress, failure};
use crate::fault::Fault;
use crate::operations::{Begun, Work};
use crate::order::place::Found;
use crate::order::write::Write;
use crate::types::compute::system;
use bonafide_core::directory::{EXTENSION_OF, Extension, Resource};
use bonafide_core::lifecycle;
use bonafide_core::placement::identities_of;
use bonafide_store::Read;
use serde_json::{Map, Value};

/// Members of the properties that a PUT keeps where it sends null, as where it leaves them out.
const KEPT: [&str; 2] = ["settings", "typeHandlerVersion"];

/// Checks an extension that is to be stored, and has the hosts of its machine serve it.
pub(super) fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    keep(write);
    let properties = properties(&write.new.body);
    check_fixed(write.old, &properties)?;
    let Some(asked) = asked::read(&properties)? else { return Ok(()) };
    let Some(machine) = write.access.place.parent.clone() else { return Ok(()) };
    check_machine(write, &machine)?;
    if system::of_machine(&machine.1.body).is_some_and(|system| system != asked.system) {
        write.new.extension = None;
        write.begins = Some(Begun::Failed(failure(&write.new, machine.1.id.name(), &Cause::OtherSystem)));
        return Ok(());
    }
    ask(write, &machine, asked)
}

/// Starts the extension of a machine anew with the machine.
pub(crate) fn restart(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    if let Some(of_model) = &mut write.new.model_extension {
        of_model.endpoint.run = write.call.cx.world.entropy.guid();
        return Ok(());
    }
    let allowed = write.proof()?;
    lifecycle::restart_extension(write.tx, &write.call.cx.world, &allowed, write.uuid, &write.new)
        .map_err(|error| Fault::from_save(&write.new.id, error))
}

/// Puts back what a null has taken away.
fn keep(write: &mut Write<'_, '_>) {
    let Some(old) = write.old else { return };
    for name in KEPT {
        let path = ["properties", name];
        if write.new.body.member(&path).is_none_or(Value::is_null)
            && let Some(value) = old.body.member(&path)
        {
            write.new.body.set_member(&path, value.clone());
        }
    }
}

/// An extension stays what it is: its settings would be those of another.
fn check_fixed(old: Option<&Resource>, new: &Map<String, Value>) -> Result<(), Fault> {
    let Some(old) = old.map(|old| properties(&old.body)) else { return Ok(()) };
    let text = |object, name| member(object, name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    for (name, path) in [("publisher", "properties.publisher"), ("type", "properties.type")] {
        let (was, is) = (text(&old, name), text(new, name));
        if !was.is_empty() && !was.eq_ignore_ascii_case(&is) {
            return Err(Fault::PropertyFixed { path });
        }
    }
    Ok(())
}

/// The machine must run, have an identity, and have no other extension of the kind.
fn check_machine(write: &Write<'_, '_>, (uuid, machine): &Found) -> Result<(), Fault> {
    if !machine.power.is_running() {
        let (operation, state) = ("write of an extension", "not running");
        return Err(Fault::NotAllowedNow { operation, id: machine.id.clone(), state });
    }
    let refused = |target, message| Err(Fault::ExtensionInvalid { target, message });
    if identities_of(write.tx, machine)?.is_empty() {
        let message = format!(
            "'{}' has no managed identity, and the extension would have nobody to ask tokens for: give it one first.",
            machine.id
        );
        return refused("identity", message);
    }
    let has_another = write.tx.find(&EXTENSION_OF, uuid)?.is_some_and(|other| other != write.uuid);
    if has_another || machine.model_extension.is_some() {
        let message = format!(
            "'{}' has an extension of publisher '{}' already: delete that, or write it by its own name.",
            machine.id,
            super::PUBLISHER
        );
        return refused("properties.type", message);
    }
    Ok(())
}

/// Asks the hosts for the endpoint; for a new run where something of it has changed, or it does not answer.
fn ask(write: &mut Write<'_, '_>, machine: &Found, asked: Asked) -> Result<(), Fault> {
    let now = write.call.cx.world.now;
    let was = match write.old {
        Some(old) => old.extension.map(|extension| (old, extension)),
        None => None,
    };
    let run = match was {
        Some((old, was)) if !is_changed(old, &write.new, was, asked) => {
            match provisioning(write.tx, (machine.0, &machine.1), old, now)? {
                Provisioning::Answers => return Ok(()),
                Provisioning::Pending => was.run,
                Provisioning::Stopped(_) | Provisioning::Failed(_) => write.call.cx.world.entropy.guid(),
            }
        }
        _ => write.call.cx.world.entropy.guid(),
    };
    write.new.extension = Some(Extension { port: asked.port, system: asked.system, run });
    let mut new = write.new.clone();
    new.changed_at = now;
    write.begins = match provisioning(write.tx, (machine.0, &machine.1), &new, now)? {
        Provisioning::Failed(cause) => Some(Begun::Failed(failure(&write.new, machine.1.id.name(), &cause))),
        _ => Some(Begun::Allowed(Work::new(EXTENSIONS.kind, &InProgress { extension: write.uuid, run }))),
    };
    Ok(())
}

/// True for a write that starts the extension anew. The same `forceUpdateTag` once more does not.
fn is_changed(old: &Resource, new: &Resource, was: Extension, asked: Asked) -> bool {
    let differs = |name| old.body.member(&["properties", name]) != new.body.member(&["properties", name]);
    (was.port, was.system) != (asked.port, asked.system) || differs("forceUpdateTag") || differs("typeHandlerVersion")
}
