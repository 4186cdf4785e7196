//! The `api-version` of a request.

use super::place::Found;
use crate::command::Call;
use crate::fault::Fault;
use crate::resource_type::Kind;
use crate::types::{GROUP_TYPE, catalogue, location_of};
use bonafide_types::{ApiVersion, Excerpt};
use bonafide_wire::Parameters;
use serde_json::Value;

/// The type whose versions are those of Resource Manager itself.
const OF_MANAGER: &str = "Microsoft.Resources/resourceGroups";

/// Reads `api-version`; every call has one. `kind` is the type that the call is about.
pub(crate) fn read(query: &Parameters, kind: Option<&Kind>) -> Result<ApiVersion, Fault> {
    let text = query.get("api-version").filter(|text| !text.is_empty()).ok_or(Fault::ApiVersionMissing)?;
    text.parse().map_err(|_| invalid(text, kind.map_or(OF_MANAGER, listed_as)))
}

/// Refuses a version older than the type. Later ones, known or not, are served as the newest.
pub(crate) fn check(call: &Call<'_>, kind: &Kind, found: Option<&Found>) -> Result<(), Fault> {
    if call.command.version.at_least(kind.of.oldest) {
        return Ok(());
    }
    if kind.of.is_of_manager {
        return Err(invalid(call.command.version.as_str(), OF_MANAGER));
    }
    let sent = || call.command.body.as_ref().ok()?.get("location").and_then(Value::as_str);
    let location = found.and_then(|(_, resource)| location_of(resource)).or_else(sent);
    let (type_name, version) = (kind.name.to_string(), call.command.version.to_string());
    let supported = catalogue::versions(&kind.name);
    Err(match location {
        Some(location) => {
            let location = Excerpt::of(location).into();
            Fault::NoRegisteredProvider { location, version, type_name, supported }
        }
        None => Fault::TypeNotFound { type_name, version, supported },
    })
}

/// The name under which the versions of a type are listed.
fn listed_as(kind: &Kind) -> &str {
    if kind.name == GROUP_TYPE { OF_MANAGER } else { &kind.name }
}

fn invalid(version: &str, type_name: &str) -> Fault {
    Fault::ApiVersionInvalid { version: Excerpt::of(version).into(), supported: catalogue::versions(type_name) }
}
