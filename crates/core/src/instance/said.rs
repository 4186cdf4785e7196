//! Members of a machine's body, and of its set's where the machine does not say them.

use super::Machine;
use crate::directory::Resource;
use serde_json::Value;

/// Members of a machine's `properties` that no document is made from: where they alone change, it stays as it is. Source: the
/// model of a machine in compute 2024-11-01.
pub(crate) const UNSAID: [&str; 9] = [
    "applicationProfile",
    "availabilitySet",
    "billingProfile",
    "capacityReservation",
    "diagnosticsProfile",
    "extensionsTimeBudget",
    "proximityPlacementGroup",
    "scheduledEventsPolicy",
    "scheduledEventsProfile",
];

/// A member of the body. Null is as if it were not there.
pub(super) fn member<'a>(machine: &Machine<'a>, path: &[&str]) -> Option<&'a Value> {
    let own = machine.resource.body.member(path).filter(|value| !value.is_null());
    own.or_else(|| machine.set?.body.member(path).filter(|value| !value.is_null()))
}

/// A member of `properties`; in a set, of the profile of its machines.
pub(super) fn property<'a>(machine: &Machine<'a>, path: &[&str]) -> Option<&'a Value> {
    debug_assert!(path.first().is_some_and(|name| !UNSAID.contains(name)), "{path:?} changes the document");
    property_of(machine.resource, machine.set, path)
}

fn property_of<'a>(machine: &'a Resource, set: Option<&'a Resource>, path: &[&str]) -> Option<&'a Value> {
    let own = machine.body.member(&[&["properties"], path].concat()).filter(|value| !value.is_null());
    let of_set = || set?.body.member(&[&["properties", "virtualMachineProfile"], path].concat());
    own.or_else(|| of_set().filter(|value| !value.is_null()))
}

/// A member of a machine's `properties`, or of the profile of the set that it is an instance of, as a text.
pub fn property_text(machine: &Resource, set: Option<&Resource>, path: &[&str]) -> String {
    property_of(machine, set, path).map_or_else(String::new, as_text)
}

/// The same as a text.
pub(super) fn text(machine: &Machine<'_>, path: &[&str]) -> String {
    property(machine, path).map_or_else(String::new, as_text)
}

/// The members of a value below it, in any case.
pub(crate) fn below<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| {
        let members = value.as_object()?;
        members.get(*name).or_else(|| {
            let same = members.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            same.map(|(_, value)| value)
        })
    })
}

/// The same as a text.
pub(crate) fn text_below(value: &Value, path: &[&str]) -> String {
    below(value, path).map_or_else(String::new, as_text)
}

/// A value in the form in which the metadata service has all of them.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// `true` or `false`.
pub(super) fn flag(value: Option<&Value>) -> &'static str {
    let is_set = value.is_some_and(|value| as_text(value).eq_ignore_ascii_case("true"));
    if is_set { "true" } else { "false" }
}
