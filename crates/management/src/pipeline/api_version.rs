//! The `api-version` of a request.

use crate::fault::Fault;
use bonafide_types::ApiVersion;
use bonafide_wire::Parameters;

/// Reads `api-version`; every call has one.
pub(crate) fn read(query: &Parameters) -> Result<ApiVersion, Fault> {
    let text = query.get("api-version").filter(|text| !text.is_empty()).ok_or(Fault::ApiVersionMissing)?;
    text.parse().map_err(|_| Fault::ApiVersionInvalid(text.chars().take(64).collect()))
}

/// Refuses a version older than the type. Later ones, known or not, are served as the newest.
pub(crate) fn check(version: &ApiVersion, type_name: &str, oldest: &'static str) -> Result<(), Fault> {
    if version.at_least(oldest) {
        return Ok(());
    }
    Err(Fault::ApiVersionTooOld { type_name: type_name.to_owned(), version: version.to_string(), oldest })
}
