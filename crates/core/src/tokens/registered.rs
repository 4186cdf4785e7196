//! Resources that a tenant registered itself: an application and the identifier it is asked for by.

use super::audiences::resolved;
use super::{Audiences, Resolved, TokenVersion};
use crate::directory::{PRINCIPAL_BY_CLIENT, PRINCIPALS, PrincipalKind};
use crate::view::View;
use bonafide_store::{Read, StoreError, Table, Tx};
use bonafide_types::{Audience, ClientId, TenantId};
use serde::{Deserialize, Serialize};

/// A resource of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredResource {
    /// The application that it is.
    pub app_id: ClientId,
    /// Its application id URI, as registered.
    pub identifier: String,
    /// Which tokens it takes (`accessTokenAcceptedVersion`; version 1 unless it says otherwise).
    pub version: TokenVersion,
}

/// Registered resources by tenant and identifier (`Audience::lookup_key`).
pub const RESOURCES_REGISTERED: Table<(TenantId, String), RegisteredResource> = Table::new("registered-resource");

/// Why a resource could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Not `api://…` or `https://…` of letters, digits and `-._~:/`.
    #[error("'{0}' is not an application id URI")]
    Identifier(Audience),
    /// Every tenant already knows the identifier as another resource.
    #[error("'{0}' is the identifier of a service")]
    Reserved(Audience),
    /// Another application of the tenant has the identifier.
    #[error("'{0}' is taken")]
    Taken(Audience),
    /// The tenant has no such application.
    #[error("the tenant has no application {0}")]
    NoApplication(ClientId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers an application of a tenant as a resource, or changes its token version.
///
/// # Errors
/// [`RegisterError`].
pub fn register(
    tx: &mut Tx<'_>,
    known: &Audiences,
    tenant: TenantId,
    app_id: ClientId,
    identifier: &Audience,
    version: TokenVersion,
) -> Result<(), RegisterError> {
    let text = identifier.as_str();
    let rest = text.strip_prefix("api://").or_else(|| text.strip_prefix("https://"));
    let is_uri_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    if !rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(is_uri_byte)) {
        return Err(RegisterError::Identifier(identifier.clone()));
    }
    if known.resolve(identifier).is_some() {
        return Err(RegisterError::Reserved(identifier.clone()));
    }
    let principal = match tx.find(&PRINCIPAL_BY_CLIENT, &app_id)? {
        Some(id) => tx.get(&PRINCIPALS, &id)?,
        None => None,
    };
    if !principal.is_some_and(|row| row.tenant == tenant && row.kind == PrincipalKind::Application) {
        return Err(RegisterError::NoApplication(app_id));
    }
    let key = (tenant, identifier.lookup_key());
    if tx.get(&RESOURCES_REGISTERED, &key)?.is_some_and(|row| row.app_id != app_id) {
        return Err(RegisterError::Taken(identifier.clone()));
    }
    let row = RegisteredResource { app_id, identifier: text.to_owned(), version };
    tx.put(&RESOURCES_REGISTERED, &key, &row)?;
    // The version is the application's, so it holds as well when it is asked for by its id.
    let by_id = RegisteredResource { identifier: app_id.to_string(), ..row };
    Ok(tx.put(&RESOURCES_REGISTERED, &(tenant, app_id.to_string()), &by_id)?)
}

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
