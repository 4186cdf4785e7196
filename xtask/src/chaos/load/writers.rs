//! Writers: each puts, changes and deletes keys of its own.

use super::super::caller::{Caller, Write};
use super::super::chance::Chance;
use super::super::keys::{Key, Kind};
use super::super::shared::Shared;
use super::pause;
use crate::connection::Answer;
use std::collections::BTreeSet;
use std::time::Duration;

/// The time between two writes of one writer.
const BETWEEN: Duration = Duration::from_millis(40);

/// Writes until the run is over.
pub(super) fn write(shared: &Shared, kind: &'static str, keys: &[Key], mut chance: Chance) {
    let mut caller = Caller::new(shared);
    let mut principals = BTreeSet::new();
    let mut number = 0;
    while pause(shared, BETWEEN) {
        let Ok(cloud) = shared.cloud() else { continue };
        let key = &keys[chance.below(keys.len())];
        number += 1;
        let write = match chance.below(5) {
            0 | 1 => Write::put(&cloud, key, number),
            2 | 3 => Write::patch(&cloud, key, number),
            _ => Write::delete(key),
        };
        let answer = caller.write(kind, key, &write);
        if let Some(answer) = answer.filter(|answer| key.kind == Kind::Identity && answer.status == 201) {
            has_another_principal(shared, key, &answer, &mut principals);
        }
    }
}

/// An identity that is made again is another one (row ID-11).
fn has_another_principal(shared: &Shared, key: &Key, answer: &Answer, principals: &mut BTreeSet<String>) {
    let body = answer.json().unwrap_or_default();
    let Some(principal) = body["properties"]["principalId"].as_str() else { return };
    if !principals.insert(principal.to_owned()) {
        let wrong = shared.model().wrong(&key.name(), "was made with the principal of a deleted identity");
        shared.check(Err(wrong));
    }
}
