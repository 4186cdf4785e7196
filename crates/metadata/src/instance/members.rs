//! The members of each api-version.

use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The lines of `data/instance_members.txt`.
static MEMBERS: LazyLock<Vec<Member>> = LazyLock::new(|| {
    let lines = include_str!("../../data/instance_members.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(Member::read).collect()
});

/// A member of `compute` with the api-version that brought it.
struct Member {
    since: &'static str,
    path: Vec<&'static str>,
}

impl Member {
    fn read(line: &'static str) -> Option<Self> {
        let (since, path) = line.split_once(' ')?;
        Some(Self { since, path: path.split('.').collect() })
    }
}

/// Takes the members out that `version` did not have. Dates compare as texts.
pub(super) fn cut(document: &mut Value, version: &str) {
    let Some(compute) = document.get_mut("compute").and_then(Value::as_object_mut) else { return };
    for member in MEMBERS.iter().filter(|member| member.since > version) {
        remove(compute, &member.path);
    }
}

fn remove(object: &mut Map<String, Value>, path: &[&str]) {
    match path {
        [] => {}
        [last] => drop(object.shift_remove(*last)),
        [first, rest @ ..] => match first.strip_suffix("[]") {
            Some(list) => {
                let elements = object.get_mut(list).and_then(Value::as_array_mut);
                let objects = elements.into_iter().flatten().filter_map(Value::as_object_mut);
                objects.for_each(|element| remove(element, rest));
            }
            None => {
                if let Some(inner) = object.get_mut(*first).and_then(Value::as_object_mut) {
                    remove(inner, rest);
                }
            }
        },
    }
}
