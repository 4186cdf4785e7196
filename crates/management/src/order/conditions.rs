//! Entity tags, and the conditions of a write that name them: `If-Match` and `If-None-Match` (RFC 9110, section 13).
//! Resources are asked in `write.rs` and `delete.rs`; whatever else is changed has a [`TagFn`] beside its change, which
//! [`check_change`] asks.

use super::access::Access;
use super::place::Found;
use crate::command::{Call, Conditions, Tags};
use crate::fault::Fault;
use crate::resource_type::TagFn;
use bonafide_core::directory::Resource;
use bonafide_crypto::thumbprint::sha256;
use bonafide_store::Tx;
use bonafide_types::{ResourceUuid, Timestamp, base64url};
use serde_json::Value;
use uuid::Uuid;

/// Bytes of an etag. Source: ours; no two of so many random bits are alike.
const TAG_BYTES: usize = 16;

/// The end of the etag of a view that leaves something out.
const PARTIAL: &str = ".partial\"";

/// The etag of a resource. It says nothing, and no resource has that of another, or of the one before it under its
/// name: the internal id that it is made from is given once.
pub(crate) fn etag_of((uuid, resource): &Found) -> String {
    etag_of_view(*uuid, resource, false)
}

/// The etag of what a caller sees of a resource. That of a part is another one: whoever puts the part back would lose
/// the rest, and is told so.
pub(crate) fn etag_of_view(uuid: ResourceUuid, resource: &Resource, is_partial: bool) -> String {
    tag(uuid.uuid(), resource.version, if is_partial { PARTIAL } else { "\"" })
}

/// The etag of a row with a random mark of its last write; of one without, which an earlier version wrote, it is made
/// from its name and the time of that write.
pub(crate) fn etag_of_row(mark: Option<Uuid>, name: Uuid, updated_at: Timestamp) -> String {
    match mark {
        Some(mark) => tag(mark, 0, "\""),
        None => tag(name, updated_at.unix_micros(), "\""),
    }
}

/// The etag of a row that counts its writes, and whose id is given once.
pub(crate) fn etag_of_version(id: Uuid, version: u64) -> String {
    tag(id, version, "\"")
}

/// The etag of something that has no id or mark of its own: what says the same has the same one.
pub(crate) fn etag_of_content(content: &Value) -> String {
    tag_of(content.to_string().as_bytes(), "\"")
}

fn tag(id: Uuid, version: u64, end: &str) -> String {
    let mut of = [id.as_bytes().as_slice(), &version.to_be_bytes()].concat();
    if end == PARTIAL {
        // Nobody makes the etag of the whole out of that of a part.
        of.extend(PARTIAL.bytes());
    }
    tag_of(&of, end)
}

fn tag_of(bytes: &[u8], end: &str) -> String {
    format!("\"{}{end}", base64url::encode(&sha256(bytes)[..TAG_BYTES]))
}

/// Checks the preconditions of a change of what is no resource, after the form of its body; the etag is asked for only
/// where there is a precondition.
pub(crate) fn check_change(tx: &Tx<'_>, call: &Call<'_>, access: &Access, etag: TagFn) -> Result<(), Fault> {
    let conditions = &call.command.conditions;
    if conditions.are_absent() {
        return Ok(());
    }
    let etag = etag(tx, call, access)?;
    let _ = call.body_if_any()?;
    check(conditions, || etag)
}

/// Checks the preconditions of a write against the etag of what is there, which is made only where there is a precondition:
/// it is a hash.
pub(crate) fn check(conditions: &Conditions, etag: impl FnOnce() -> Option<String>) -> Result<(), Fault> {
    if conditions.are_absent() {
        return Ok(());
    }
    check_any(conditions, etag(), &|tag, etag| tag == etag)
}

/// The same for a deletion, which loses nothing that its caller did not see: the etag of a part will do.
pub(crate) fn check_delete(conditions: &Conditions, etags: impl FnOnce() -> (String, String)) -> Result<(), Fault> {
    if conditions.are_absent() {
        return Ok(());
    }
    let (whole, part) = etags();
    check_any(conditions, Some(whole), &|tag, etag| tag == etag || tag == part)
}

fn check_any(conditions: &Conditions, etag: Option<String>, is_same: &dyn Fn(&str, &str) -> bool) -> Result<(), Fault> {
    let is_met = match &conditions.if_match {
        Tags::Absent => true,
        Tags::Listed(wanted) => etag.as_ref().is_some_and(|etag| any(wanted, etag, false, is_same)),
        Tags::Unreadable => false,
    } && match &conditions.if_none_match {
        Tags::Absent => true,
        Tags::Listed(unwanted) => !etag.as_ref().is_some_and(|etag| any(unwanted, etag, true, is_same)),
        Tags::Unreadable => false,
    };
    if is_met { Ok(()) } else { Err(Fault::PreconditionFailed) }
}

/// True when a list of entity tags, or `*`, names `etag`. Only the weak comparison sees through `W/`.
fn any(list: &str, etag: &str, weak: bool, is_same: &dyn Fn(&str, &str) -> bool) -> bool {
    list.split(',').map(str::trim).any(|tag| {
        tag == "*" || is_same(tag, etag) || (weak && tag.strip_prefix("W/").is_some_and(|tag| is_same(tag, etag)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_is_found_in_a_list() {
        let any = |list, etag, weak| any(list, etag, weak, &|tag, etag| tag == etag);
        assert!(any("\"1\", \"2\"", "\"2\"", false) && any("*", "\"2\"", false) && any("W/\"2\"", "\"2\"", true));
        assert!(!any("W/\"2\"", "\"2\"", false) && !any("2", "\"2\"", false) && !any("\"12\"", "\"2\"", true));
    }

    #[test]
    fn tn_08_the_etag_of_a_part_does_for_a_deletion_and_for_nothing_else() {
        let id = Uuid::from_u128(7);
        let (whole, part) = (tag(id, 1, "\""), tag(id, 1, PARTIAL));
        let naming = |tag: &str| Conditions { if_match: Tags::Listed(tag.to_owned()), ..Conditions::default() };
        // The etag of the whole is not that of the part without its end.
        let cut = part.replace(".partial", "");
        for (sent, writes, deletes) in [
            (whole.clone(), true, true),
            (part.clone(), false, true),
            (cut, false, false),
            (tag(id, 2, PARTIAL), false, false),
        ] {
            assert_eq!(check(&naming(&sent), || Some(whole.clone())).is_ok(), writes, "{sent}");
            assert_eq!(check_delete(&naming(&sent), || (whole.clone(), part.clone())).is_ok(), deletes, "{sent}");
        }
    }
}
