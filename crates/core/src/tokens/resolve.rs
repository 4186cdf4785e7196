//! From the audience that a client asks for to the resource that the token is for.

use super::TokenVersion;
use crate::directory::{Audiences, Resolved, resolved};
use crate::view::View;
use bonafide_types::{Audience, ClientId, TenantId};

/// Finds what a client of `tenant` asks for: what every tenant knows first, so that no tenant can
/// take a service's name; then what the tenant registered; then one of its applications by its id.
/// `None` is AADSTS500011.
pub fn resolve(view: &View, known: &Audiences, tenant: TenantId, asked: &Audience) -> Option<Resolved> {
    if let Some(found) = known.resolve(asked) {
        return Some(found);
    }
    let by_id: Option<ClientId> = asked.as_str().parse().ok();
    match (view.registered_resource(tenant, asked.lookup_key()), by_id) {
        (Some(row), Some(app_id)) => Some(resolved(asked, &app_id.to_string(), row.version, Some(app_id))),
        (Some(row), None) if row.identifier.contains("://") => {
            let spelling = row.identifier.strip_suffix('/').unwrap_or(&row.identifier);
            Some(resolved(asked, spelling, row.version, Some(row.app_id)))
        }
        (None, Some(app_id)) => {
            let (_, principal) = view.principal_by_client(tenant, app_id)?;
            (!principal.is_managed()).then(|| resolved(asked, &app_id.to_string(), TokenVersion::V1, Some(app_id)))
        }
        _ => None,
    }
}
