//! The extension in the profile of a scale set: the one that its instances have with the set's model.

use super::PUBLISHER;
use super::asked::{self, Asked, member};
use super::provisioning::OTHER_SYSTEM;
use crate::fault::Fault;
use crate::order::write::Write;
use crate::types::compute::system;
use bonafide_core::directory::{AssignedIdentity, Body, Extension, ModelExtension};
use bonafide_types::ResourceId;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The place of the list.
pub(crate) const LIST: &[&str] = &["properties", "virtualMachineProfile", "extensionProfile", "extensions"];
/// The place that a refusal points at.
const TARGET: &str = "properties.virtualMachineProfile.extensionProfile.extensions";

/// Longest name of an extension in a profile, in characters. Source: ours; each instance has it.
const NAME_CHARS_MAX: usize = 80;
/// Longest version of an extension in a profile, in characters. Source: ours; each instance has it.
const VERSION_CHARS_MAX: usize = 64;

/// The extensions of a set, as they are stored.
pub(crate) fn entries(body: &Body) -> &[Value] {
    body.member(LIST).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The value at the end of a path of names, in any case.
pub(crate) fn at<'a>(object: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(member(object, first)?, |value, name| member(value.as_object()?, name))
}

/// The name of an extension in the list.
pub(crate) fn name_of(entry: &Value) -> Option<&str> {
    entry.as_object().and_then(|entry| member(entry, "name")).and_then(Value::as_str)
}

/// Checks the extensions of a set that is to be stored, and says what its instances are to serve.
pub(crate) fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    check_names(&write.new.id, entries(&write.new.body))?;
    let Some(found) = find(entries(&write.new.body))? else {
        write.new.model_extension = None;
        return Ok(());
    };
    if system::of_profile(&write.new.body).is_some_and(|system| system != found.asked.system) {
        return refused(TARGET, OTHER_SYSTEM.to_owned());
    }
    if let Some(old) = write.old
        && let Some(was) = &old.model_extension
        && find(entries(&old.body)).is_ok_and(|before| before.is_some_and(|before| before.is_same(&found)))
    {
        write.new.model_extension = Some(was.clone());
        return Ok(());
    }
    // Of a set that has it already identities can be taken away, to the last.
    if !keeps_identities(write) {
        let id = &write.new.id;
        let message = format!(
            "'{id}' has no managed identity, and the extension would have nobody to ask tokens for: give it one first."
        );
        return refused("identity", message);
    }
    let run = write.call.cx.world.entropy.guid();
    let endpoint = Extension { port: found.asked.port, system: found.asked.system, run };
    let (name, type_version) = (found.name.to_owned(), found.version.map(str::to_owned));
    let since = write.new.version + 1;
    write.new.model_extension = Some(Box::new(ModelExtension { since, name, type_version, endpoint }));
    Ok(())
}

fn refused<T>(target: &'static str, message: String) -> Result<T, Fault> {
    Err(Fault::ExtensionInvalid { target, message })
}

/// True when the set has an identity after the write.
fn keeps_identities(write: &Write<'_, '_>) -> bool {
    let Some(change) = &write.change else { return !write.new.identity.is_empty() };
    let stays = |user: &AssignedIdentity| !change.remove_all_users && !change.remove.contains(&user.id);
    change.system || !change.add.is_empty() || write.new.identity.users.iter().any(stays)
}

/// No two extensions of a set have one name.
fn check_names(set: &ResourceId, entries: &[Value]) -> Result<(), Fault> {
    let mut names = HashSet::new();
    for name in entries.iter().filter_map(name_of) {
        if set.child("extensions", name).is_err() {
            let name: String = bonafide_types::Excerpt::of(name).into();
            return refused(TARGET, format!("'{name}' is not a name of an extension."));
        }
        if !names.insert(name.to_ascii_lowercase()) {
            let name: String = bonafide_types::Excerpt::of(name).into();
            return refused(TARGET, format!("The profile has two extensions named '{name}': give each its own name."));
        }
    }
    Ok(())
}

/// The extension that serves tokens, in a list.
struct Found<'a> {
    asked: Asked,
    name: &'a str,
    version: Option<&'a str>,
    tag: Option<&'a Value>,
}

impl Found<'_> {
    /// True when the one does not start the other anew. The same `forceUpdateTag` once more does not.
    fn is_same(&self, other: &Self) -> bool {
        let of = |this: &Self| (this.asked, this.name.to_ascii_lowercase());
        of(self) == of(other) && self.version == other.version && self.tag == other.tag
    }
}

/// The extension of [`PUBLISHER`] in a list; there is one at most.
fn find(entries: &[Value]) -> Result<Option<Found<'_>>, Fault> {
    let mut found = None;
    for entry in entries {
        let Some(properties) =
            entry.as_object().and_then(|entry| member(entry, "properties")).and_then(Value::as_object)
        else {
            continue;
        };
        let Some(asked) = asked::read(properties)? else { continue };
        if found.is_some() {
            return refused(
                TARGET,
                format!("The profile has more than one extension of publisher '{PUBLISHER}': leave one."),
            );
        }
        found = Some(read(entry, properties, asked)?);
    }
    Ok(found)
}

fn read<'a>(entry: &'a Value, properties: &'a Map<String, Value>, asked: Asked) -> Result<Found<'a>, Fault> {
    let name = name_of(entry).unwrap_or_default();
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || name.len() > NAME_CHARS_MAX
        || !name.chars().all(is_of_name)
    {
        return refused(
            TARGET,
            format!(
                "An extension has a name of 1 to {NAME_CHARS_MAX} letters, digits, dots, dashes and underscores, and begins with a letter or digit."
            ),
        );
    }
    let version = match member(properties, "typeHandlerVersion") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.chars().count() <= VERSION_CHARS_MAX => Some(text.as_str()),
        Some(_) => {
            return refused(
                "properties.typeHandlerVersion",
                format!("The version of the extension is a text of {VERSION_CHARS_MAX} characters at most."),
            );
        }
    };
    let tag = member(properties, "forceUpdateTag").filter(|tag| !tag.is_null());
    Ok(Found { asked, name, version, tag })
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}
