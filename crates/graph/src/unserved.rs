//! Collections that are empty here, because nothing can be in them: delegated permissions, for there are no users, and deleted
//! objects, for a deletion is final.

use crate::asked::Asked;
use crate::change::{Change, Done};
use crate::fault::Fault;
use serde_json::Value;

/// `GET /oauth2PermissionGrants`, `GET /servicePrincipals/{id}/oauth2PermissionGrants`: none, whatever the filter is.
pub(crate) fn grants(asked: &Asked<'_>) -> Result<Value, Fault> {
    Ok(asked.list("oauth2PermissionGrants", Vec::new()))
}

/// `GET /servicePrincipals/{id}/oauth2PermissionGrants`.
pub(crate) fn grants_of_principal(asked: &Asked<'_>) -> Result<Value, Fault> {
    asked.named_principal()?;
    grants(asked)
}

/// `POST /oauth2PermissionGrants`.
pub(crate) fn grant(_change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    Err(Fault::NoDelegation)
}

/// `GET /oauth2PermissionGrants/{id}`.
pub(crate) fn no_grant(asked: &Asked<'_>) -> Result<Value, Fault> {
    Err(Fault::NotFound(asked.captures.get("grant").to_owned()))
}

/// `DELETE /oauth2PermissionGrants/{id}`.
pub(crate) fn no_grant_to_change(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    Err(Fault::NotFound(change.request.captures.get("grant").to_owned()))
}

/// `GET /directory/deletedItems/microsoft.graph.{type}`: none, whatever the filter is. `GET /directory/deletedItems/{id}`.
pub(crate) fn deleted(asked: &Asked<'_>) -> Result<Value, Fault> {
    let name = asked.captures.get("item");
    let type_name = ["application", "servicePrincipal", "user", "group", "administrativeUnit"]
        .into_iter()
        .find(|known| name.eq_ignore_ascii_case(&format!("microsoft.graph.{known}")));
    match type_name {
        Some("application") => Ok(asked.list("applications", Vec::new())),
        Some("servicePrincipal") => Ok(asked.list("servicePrincipals", Vec::new())),
        Some(_) => Ok(asked.list("directoryObjects", Vec::new())),
        None => Err(Fault::NotKept(name.to_owned())),
    }
}

/// `DELETE /directory/deletedItems/{id}`, `POST /directory/deletedItems/{id}/restore`.
pub(crate) fn not_kept(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    Err(Fault::NotKept(change.request.captures.get("item").to_owned()))
}
