//! Resources that a tenant registered itself: an application and the identifier it is asked for by.

use super::{Audiences, PRINCIPAL_BY_CLIENT, PRINCIPALS, PrincipalKind, TokenVersion};
use bonafide_store::{Absence, Read, StoreError, Table, Tx};
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
    /// The form of tokens that it takes (`accessTokenAcceptedVersion`; version 1 unless it says otherwise).
    pub version: TokenVersion,
}

/// Registered resources by tenant and identifier (`Audience::lookup_key`).
pub const RESOURCES_REGISTERED: Table<(TenantId, String), RegisteredResource> =
    Table::new("registered-resource", Absence::Withholds);

/// The reason why a resource could not be registered.
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
