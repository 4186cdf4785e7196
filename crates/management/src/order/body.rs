//! The body of a request: one JSON object within limits, members known to every type in one spelling.

use crate::fault::Fault;
use bonafide_types::json::{JsonError, parse_object_bounded};
use bonafide_types::limits::{JSON_MEMBERS_MAX, MANAGEMENT_BODY_BYTES_MAX};
use serde_json::{Map, Value};

/// Top-level members that are read here.
const KNOWN: [&str; 10] =
    ["id", "name", "type", "location", "tags", "identity", "managedBy", "properties", "etag", "systemData"];

/// The reason why a body cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// There is none.
    Absent,
    Json(JsonError),
    /// One member in two spellings.
    Twice(&'static str),
    /// The merged resource of a patch is beyond the limits of a body.
    Merged(JsonError),
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Absent => Self::BodyInvalid(JsonError::Malformed.to_string()),
            BodyError::Json(JsonError::TooLarge) => Self::BodyTooLarge,
            BodyError::Json(error) => Self::BodyInvalid(error.to_string()),
            BodyError::Merged(error) => Self::BodyInvalid(format!("with this change applied, {error}")),
            BodyError::Twice(name) => Self::BodyInvalid(format!("the member '{name}' occurs twice")),
        }
    }
}

/// Reads a body. Resource Manager compares member names without case; other spellings of those that the
/// order of checks reads are put right, so that nothing gets past it by its spelling.
pub(crate) fn read(bytes: &[u8]) -> Result<Map<String, Value>, BodyError> {
    if bytes.is_empty() {
        return Err(BodyError::Absent);
    }
    let object = parse_object_bounded(bytes, MANAGEMENT_BODY_BYTES_MAX, JSON_MEMBERS_MAX).map_err(BodyError::Json)?;
    known(object)
}

/// Puts the known members of a body right.
///
/// # Errors
/// [`BodyError::Twice`].
pub(crate) fn known(object: Map<String, Value>) -> Result<Map<String, Value>, BodyError> {
    let mut body = Map::with_capacity(object.len());
    for (name, value) in object {
        match KNOWN.iter().find(|known| known.eq_ignore_ascii_case(&name)) {
            Some(known) if body.contains_key(*known) => return Err(BodyError::Twice(known)),
            Some(known) => drop(body.insert((*known).to_owned(), value)),
            None => drop(body.insert(name, value)),
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_read_have_one_spelling() {
        let body = read(br#"{"Identity":{},"LOCATION":"x","Sku":1}"#).unwrap();
        assert_eq!(body.keys().collect::<Vec<_>>(), ["identity", "location", "Sku"]);
        assert_eq!(read(br#"{"identity":{},"Identity":{}}"#), Err(BodyError::Twice("identity")));
    }
}
