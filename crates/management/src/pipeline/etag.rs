//! Optimistic concurrency: `If-Match` and `If-None-Match` (RFC 9110, section 13).

use crate::fault::Fault;
use bonafide_core::directory::Resource;
use bonafide_wire::Request;

/// The etag of a resource: its version, quoted.
pub(crate) fn of(resource: &Resource) -> String {
    format!("\"{}\"", resource.version)
}

/// Checks the preconditions of a write against the resource as it is. A repeated field cannot be read as
/// one list here, so it is refused rather than passed over.
pub(crate) fn check(request: &Request, old: Option<&Resource>) -> Result<(), Fault> {
    check_tag(request, old.map(of))
}

/// The same with the etag of whatever is there.
pub(crate) fn check_tag(request: &Request, etag: Option<String>) -> Result<(), Fault> {
    let failed = || Fault::PreconditionFailed { etag: etag.clone().unwrap_or_default() };
    if request.headers.contains_key("if-match") {
        let wanted = request.header("if-match").ok_or_else(failed)?;
        let met = etag.as_ref().is_some_and(|etag| any(wanted, etag, false));
        if !met {
            return Err(failed());
        }
    }
    if request.headers.contains_key("if-none-match") {
        let unwanted = request.header("if-none-match").ok_or_else(failed)?;
        if etag.as_ref().is_some_and(|etag| any(unwanted, etag, true)) {
            return Err(failed());
        }
    }
    Ok(())
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
