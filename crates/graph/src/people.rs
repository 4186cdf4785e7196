//! `/users`, `/groups` and `/me`: there are neither users nor groups in this directory.

use crate::asked::Asked;
use crate::fault::Fault;
use serde_json::Value;

/// `GET /users`: none, whatever the filter is.
pub(crate) fn users(asked: &Asked<'_>) -> Result<Value, Fault> {
    Ok(none(asked, "users"))
}

/// `GET /groups`: none, whatever the filter is.
pub(crate) fn groups(asked: &Asked<'_>) -> Result<Value, Fault> {
    Ok(none(asked, "groups"))
}

fn none(asked: &Asked<'_>, collection: &str) -> Value {
    asked.list(collection, Vec::new())
}

/// `GET /users/{id}`, `GET /groups/{id}`.
pub(crate) fn by_id(asked: &Asked<'_>) -> Result<Value, Fault> {
    Err(Fault::NotFound(asked.captures.get("id").to_owned()))
}

/// `GET /me`, `GET /me/ownedObjects`: every token here is an application's.
pub(crate) fn me(_asked: &Asked<'_>) -> Result<Value, Fault> {
    Err(Fault::NoUser)
}
