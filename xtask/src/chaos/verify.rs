//! Reading back, while nobody writes: every key, and the lists that hold them.

use super::caller::Caller;
use super::keys::{Cloud, Key, Kind, number};
use super::load::Load;
use super::model::Value;
use super::shared::Shared;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longest time for which a key is asked for again when it cannot be read.
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(200);

/// The result of reading back.
#[derive(Default)]
pub(super) struct Back {
    /// The number of keys that were read.
    pub(super) read: usize,
    /// Keys that are missing or cannot be read, where that is not yet a violation.
    pub(super) missing: Vec<String>,
}

/// Reads every key and the lists; a value that the model does not allow is a violation, and so is a key that is missing or
/// cannot be read, unless `damaged`: then the caller asks whether that was told. The caller holds the gate.
pub(super) fn read_back(shared: &Shared, load: &Load, damaged: bool) -> Back {
    let mut back = Back::default();
    let Ok(cloud) = shared.cloud() else { return back };
    let mut caller = Caller::new(shared);
    let mut seen = BTreeMap::new();
    let mut unreadable = 0;
    for key in load.keys() {
        // One key that cannot be read is waited for; more tell nothing new.
        let patience = if unreadable == 0 && !damaged { PATIENCE } else { Duration::ZERO };
        match patiently(patience, || caller.read(key)) {
            Ok(Value::Absent) if damaged && !shared.model().may_be(&key.name(), Value::Absent) => {
                back.missing.push(format!("{} is missing", key.name()));
            }
            Ok(value) => {
                let checked = shared.model().seen(&key.name(), value, shared.life());
                shared.check(checked);
                seen.insert(key.name(), value);
            }
            Err(why) if damaged => {
                unreadable += 1;
                back.missing.push(format!("{} cannot be read: {why}", key.name()));
            }
            Err(why) => {
                unreadable += 1;
                shared.violation(format!("{} cannot be read: {why}", key.name()));
            }
        }
    }
    if unreadable == 0 {
        lists(shared, &cloud, &mut caller, &seen, damaged);
    }
    back.read = seen.len();
    back
}

fn patiently<T>(patience: Duration, mut read: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let started = Instant::now();
    loop {
        match read() {
            Err(_) if started.elapsed() < patience => std::thread::sleep(BETWEEN),
            done => return done,
        }
    }
}

/// Every list has exactly the resources that were read one by one.
fn lists(shared: &Shared, cloud: &Cloud, caller: &mut Caller<'_>, seen: &BTreeMap<String, Value>, damaged: bool) {
    for (path, version, kind) in cloud.lists() {
        let listed = patiently(if damaged { Duration::ZERO } else { PATIENCE }, || list(caller, &path, version, &kind));
        let listed = match listed {
            Ok(listed) => listed,
            Err(_) if damaged => continue,
            Err(why) => return shared.violation(format!("list {path} cannot be read: {why}")),
        };
        let of_list = |name: &str| name.rsplit_once('/').is_some_and(|(parent, _)| parent == path.to_ascii_lowercase());
        for (name, value) in seen.iter().filter(|(name, _)| of_list(name)) {
            let in_list = listed.get(name).copied().unwrap_or(Value::Absent);
            let missing = damaged && in_list == Value::Absent;
            if in_list != *value && !missing {
                let wrong = shared.model().wrong(name, &format!("is {in_list} in a list and {value} by itself"));
                shared.check(Err(wrong));
            }
        }
    }
}

fn list(caller: &mut Caller<'_>, path: &str, version: &str, kind: &Kind) -> Result<BTreeMap<String, Value>, String> {
    let answer = caller.manage(("GET", path, version), None)?;
    let body = answer.json().map_err(|error| error.to_string())?;
    if !body["nextLink"].is_null() {
        return Err("it has more than one page".to_owned());
    }
    let members = body["value"].as_array().ok_or("it has no members")?;
    let entry = |member: &serde_json::Value| {
        let id = member["id"].as_str()?.to_owned();
        Some((Key { kind: kind.clone(), id }.name(), number(member).ok()?))
    };
    Ok(members.iter().filter_map(entry).collect())
}
