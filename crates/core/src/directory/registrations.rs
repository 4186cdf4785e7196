//! Identifiers of the applications that a tenant registered: tokens for them are asked for by these.

use super::{APPLICATIONS, Application, Audiences, TokenVersion, application_by_client};
use bonafide_store::{Absence, Read, StoreError, Table, Tx};
use bonafide_types::{Audience, ClientId, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An identifier of one tenant's application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredResource {
    /// The application that it names.
    pub app_id: ClientId,
    /// The application id URI, as registered.
    pub identifier: String,
}

/// Identifiers of applications by tenant and identifier (`Audience::lookup_key`): each names one application of a tenant.
pub const RESOURCES_REGISTERED: Table<(TenantId, String), RegisteredResource> =
    Table::new("registered-resource", Absence::Withholds);

/// The reason why an application could not have an identifier.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Not `api://…` or `https://…` of letters, digits and `-._~:/`.
    #[error("'{0}' is not an application id URI")]
    Identifier(Audience),
    /// Text that no audience can be.
    #[error("'{0}' is not an application id URI")]
    Unreadable(String),
    /// Every tenant already knows the identifier as another resource.
    #[error("'{0}' is the identifier of a service")]
    Reserved(Audience),
    /// The application id in it is not that of the application.
    #[error("'{0}' has the id of another application")]
    OtherApplication(Audience),
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

/// Gives an application of a tenant one more identifier, and the form of tokens that it takes.
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
    let found = application_by_client(tx, tenant, app_id)?;
    let (id, mut application) = found.ok_or(RegisterError::NoApplication(app_id))?;
    claim(tx, known, &application, identifier)?;
    if !application.identifier_uris.iter().any(|uri| uri == identifier.as_str()) {
        application.identifier_uris.push(identifier.as_str().to_owned());
    }
    application.token_version = Some(version);
    Ok(tx.put(&APPLICATIONS, &id, &application)?)
}

/// Takes an identifier for an application, which is to list it among its own.
///
/// # Errors
/// [`RegisterError`].
pub fn claim(
    tx: &mut Tx<'_>,
    known: &Audiences,
    application: &Application,
    identifier: &Audience,
) -> Result<(), RegisterError> {
    let text = identifier.as_str();
    let rest = text.strip_prefix("api://").or_else(|| text.strip_prefix("https://"));
    let is_uri_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    if !rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(is_uri_byte)) {
        return Err(RegisterError::Identifier(identifier.clone()));
    }
    if known.reserves(identifier) {
        return Err(RegisterError::Reserved(identifier.clone()));
    }
    if app_id_in(text).is_some_and(|app_id| app_id != application.client_id) {
        return Err(RegisterError::OtherApplication(identifier.clone()));
    }
    let key = (application.tenant, identifier.lookup_key());
    if tx.get(&RESOURCES_REGISTERED, &key)?.is_some_and(|row| row.app_id != application.client_id) {
        return Err(RegisterError::Taken(identifier.clone()));
    }
    let row = RegisteredResource { app_id: application.client_id, identifier: text.to_owned() };
    Ok(tx.put(&RESOURCES_REGISTERED, &key, &row)?)
}

/// The application id that an identifier begins with.
fn app_id_in(identifier: &str) -> Option<ClientId> {
    let name = identifier.strip_prefix("api://")?.split(['/', ':']).next()?;
    Uuid::parse_str(name.trim_end_matches('.')).ok().map(ClientId::new)
}

/// Gives up an identifier of an application; another application can take it from then on.
pub fn release(tx: &mut Tx<'_>, application: &Application, identifier: &str) -> Result<(), StoreError> {
    let Ok(identifier) = Audience::parse(identifier) else { return Ok(()) };
    let key = (application.tenant, identifier.lookup_key());
    match tx.get(&RESOURCES_REGISTERED, &key)? {
        Some(row) if row.app_id == application.client_id => tx.delete(&RESOURCES_REGISTERED, &key),
        _ => Ok(()),
    }
}
