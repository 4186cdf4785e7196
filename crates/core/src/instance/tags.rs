//! Tags: those of the machine's owner, which the document shows, and those by which an operator says what nothing else
//! here knows, which it does not show as tags.

use super::Machine;
use serde_json::{Map, Value, json};

/// The beginning of the names of an operator's tags.
const OPERATORS: &str = "bonafide.";

/// The value of an operator's tag (`bonafide.physicalZone`), if there is one.
pub(super) fn said_by_operator<'a>(machine: &Machine<'a>, name: &str) -> Option<&'a str> {
    let is_it = |tag: &str| tag.strip_prefix(OPERATORS).is_some_and(|rest| rest.eq_ignore_ascii_case(name));
    all(machine).iter().find(|(tag, _)| is_it(&tag.to_ascii_lowercase())).and_then(|(_, value)| value.as_str())
}

/// `tags`: `name:value`, with `;` between them.
pub(super) fn line(machine: &Machine<'_>) -> String {
    shown(machine).map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(";")
}

/// `tagsList`.
pub(super) fn list(machine: &Machine<'_>) -> Vec<Value> {
    shown(machine).map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn shown<'a>(machine: &Machine<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_operators =
        |name: &str| name.get(..OPERATORS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OPERATORS));
    let tags = all(machine).iter().filter(move |(name, _)| !is_operators(name));
    tags.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
}

/// An instance of a uniform set has its set's.
fn all<'a>(machine: &Machine<'a>) -> &'a Map<String, Value> {
    match machine.set {
        Some(set) if machine.resource.parent.is_some() => &set.tags,
        _ => &machine.resource.tags,
    }
}
