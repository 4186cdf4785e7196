//! The `api-version` of a request.

use super::Input;
use super::place::Found;
use crate::fault::Fault;
use crate::providers::{Kind, catalogue, location_of};
use bonafide_types::ApiVersion;
use bonafide_wire::Parameters;
use serde_json::Value;

/// The type whose versions are those of Resource Manager itself.
const OWN: &str = "Microsoft.Resources/resourceGroups";

/// Reads `api-version`; every call has one. `kind` is the type that the call is about.
pub(crate) fn read(query: &Parameters, kind: Option<&Kind>) -> Result<ApiVersion, Fault> {
    let text = query.get("api-version").filter(|text| !text.is_empty()).ok_or(Fault::ApiVersionMissing)?;
    text.parse().map_err(|_| invalid(text, kind.map_or(OWN, |kind| &kind.name)))
}

/// Refuses a version older than the type. Later ones, known or not, are served as the newest.
pub(crate) fn check(input: &Input<'_>, kind: &Kind, found: Option<&Found>) -> Result<(), Fault> {
    if input.version.at_least(kind.provider.oldest()) {
        return Ok(());
    }
    let sent = || input.body.as_ref().ok()?.get("location").and_then(Value::as_str);
    let location = found.and_then(|(_, resource)| location_of(resource)).or_else(sent);
    let (type_name, version) = (kind.name.to_string(), input.version.to_string());
    let supported = catalogue::versions(&kind.name);
    Err(match location {
        Some(location) => {
            let location = location.chars().take(64).collect();
            Fault::NoRegisteredProvider { location, version, type_name, supported }
        }
        None => Fault::TypeNotFound { type_name, version, supported },
    })
}

/// The same for what belongs to Resource Manager itself.
pub(crate) fn check_own(version: &ApiVersion, oldest: &str) -> Result<(), Fault> {
    if version.at_least(oldest) { Ok(()) } else { Err(invalid(version.as_str(), OWN)) }
}

fn invalid(version: &str, type_name: &str) -> Fault {
    Fault::ApiVersionInvalid { version: version.chars().take(64).collect(), supported: catalogue::versions(type_name) }
}
