//! Readers of lists, while others write: each list is whole JSON with numbers that were written. Its exact content is
//! compared when nobody writes.

use super::super::caller::Caller;
use super::super::keys::number;
use super::super::shared::Shared;
use super::pause;
use std::time::Duration;

const BETWEEN: Duration = Duration::from_millis(100);

/// Reads until the run is over.
pub(super) fn read(shared: &Shared) {
    let mut caller = Caller::new(shared);
    while pause(shared, BETWEEN) {
        let Ok(cloud) = shared.cloud() else { continue };
        for (path, version, _) in cloud.lists() {
            let before = shared.excuse().now();
            let answer = caller.manage(("GET", &path, version), None);
            let excuses = shared.excuse().since(before);
            let outcome = match &answer {
                Ok(answer) => answer.status.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            shared.tally().operation("list", outcome.clone());
            match answer {
                Ok(answer) if answer.status == 200 => {
                    let body = answer.json().unwrap_or_default();
                    let members = body["value"].as_array().cloned().unwrap_or_default();
                    let ours = members
                        .iter()
                        .filter(|member| !member["tags"].is_null() && member["tags"] != serde_json::json!({}));
                    for why in ours.filter_map(|member| number(member).err()) {
                        shared.violation(format!("list {path}: {why}"));
                    }
                }
                Ok(answer) if excuses.status(answer.status) => {}
                Err(_) if excuses.silence() => {}
                answer => {
                    shared.violation(format!("list {path}: {outcome}, which nothing explains: {:?}", answer.err()))
                }
            }
        }
    }
}
