//! From the audience that a client asks for to the resource that the token is for.

use super::TokenVersion;
use crate::directory::{Audiences, Resolved, resolved};
use crate::view::View;
use bonafide_types::{Audience, ClientId, TenantId};

/// Finds what a client of `tenant` asks for: what every tenant knows first, so that no tenant can
/// take a service's name; then one of its applications, by its id or by an identifier that it registered.
/// `None` is AADSTS500011.
pub fn resolve(view: &View, known: &Audiences, tenant: TenantId, asked: &Audience) -> Option<Resolved> {
    if let Some(found) = known.resolve(asked) {
        return Some(found);
    }
    // One that an older version registered has no object of its own yet: its tokens are of version 1.
    let version = |app_id| view.application_by_client(tenant, app_id).map_or(TokenVersion::V1, |known| known.version);
    if let Ok(app_id) = asked.as_str().parse::<ClientId>() {
        let (_, principal) = view.principal_by_client(tenant, app_id)?;
        let aud = app_id.to_string();
        return (!principal.is_managed()).then(|| resolved(asked, &aud, version(app_id), Some(app_id)));
    }
    let row = view.registered_resource(tenant, asked.lookup_key())?;
    // An application without a service principal is installed nowhere.
    view.principal_by_client(tenant, row.app_id)?;
    let spelling = row.identifier.strip_suffix('/').unwrap_or(&row.identifier);
    Some(resolved(asked, spelling, version(row.app_id), Some(row.app_id)))
}
