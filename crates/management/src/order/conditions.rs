//! Optimistic concurrency: `If-Match` and `If-None-Match` (RFC 9110, section 13).

use crate::command::{Conditions, Tags};
use crate::fault::Fault;
use bonafide_core::directory::Resource;

/// The etag of a resource: its version, quoted.
pub(crate) fn etag_of(resource: &Resource) -> String {
    format!("\"{}\"", resource.version)
}

/// Checks the preconditions of a write against the etag of what is there.
pub(crate) fn check(conditions: &Conditions, etag: Option<String>) -> Result<(), Fault> {
    let is_met = match &conditions.if_match {
        Tags::Absent => true,
        Tags::Listed(wanted) => etag.as_ref().is_some_and(|etag| any(wanted, etag, false)),
        Tags::Unreadable => false,
    } && match &conditions.if_none_match {
        Tags::Absent => true,
        Tags::Listed(unwanted) => !etag.as_ref().is_some_and(|etag| any(unwanted, etag, true)),
        Tags::Unreadable => false,
    };
    if is_met { Ok(()) } else { Err(Fault::PreconditionFailed { etag: etag.unwrap_or_default() }) }
}

/// True when a list of entity tags, or `*`, names `etag`. Only the weak comparison sees through `W/`.
fn any(list: &str, etag: &str, weak: bool) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == etag || (weak && tag.strip_prefix("W/") == Some(etag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_is_found_in_a_list() {
        assert!(any("\"1\", \"2\"", "\"2\"", false) && any("*", "\"2\"", false) && any("W/\"2\"", "\"2\"", true));
        assert!(!any("W/\"2\"", "\"2\"", false) && !any("2", "\"2\"", false) && !any("\"12\"", "\"2\"", true));
    }
}
