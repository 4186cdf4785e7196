//! Applications: the registrations behind service principals that are no managed identities. An application can exist
//! before its service principal; its secrets and certificates hang on it.

use super::{PRINCIPAL_BY_CLIENT, PRINCIPALS, PrincipalKind, ServicePrincipal, TokenVersion, create_principal};
use bonafide_store::{Absence, Index, Read, StoreError, Table, Tx, Unique};
use bonafide_types::{ClientId, ObjectId, TenantId, Timestamp, World};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An application that a tenant registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// The tenant that registered it.
    pub tenant: TenantId,
    /// The id that it signs in with, and its service principal too (`appId`).
    pub client_id: ClientId,
    /// The name for people. Never decides anything (JW-09).
    pub display_name: String,
    /// The time at which it was registered.
    pub created_at: Timestamp,
    /// The form of tokens that it takes as a resource (`api.requestedAccessTokenVersion`); version 1 unless it says
    /// otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_version: Option<TokenVersion>,
    /// Its application id URIs, as written and in the order in which they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifier_uris: Vec<String>,
    /// The properties that decide nothing here, as they were sent.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

/// Applications by object id.
pub const APPLICATIONS: Table<ObjectId, Application> =
    Table::indexed("application", Absence::Withholds, |_, application, entries| {
        entries.unique(&APPLICATION_BY_CLIENT, &application.client_id);
        entries.many(&APPLICATIONS_OF_TENANT, &application.tenant);
    });

/// Applications by client id.
pub const APPLICATION_BY_CLIENT: Unique<ClientId, ObjectId> = Unique::new("application-by-client");

/// The applications that a tenant registered.
pub const APPLICATIONS_OF_TENANT: Index<TenantId, ObjectId> = Index::new("application-of-tenant");

impl Application {
    /// One that has no more than it must.
    pub fn new(world: &World<'_>, tenant: TenantId, display_name: &str) -> Self {
        Self {
            tenant,
            client_id: ClientId::random(world.entropy),
            display_name: display_name.to_owned(),
            created_at: world.now,
            token_version: None,
            identifier_uris: Vec::new(),
            properties: Map::new(),
        }
    }
}

/// The application of a client id in a tenant. One of another tenant does not exist (TN-01).
pub fn application_by_client(
    tx: &impl Read,
    tenant: TenantId,
    client: ClientId,
) -> Result<Option<(ObjectId, Application)>, StoreError> {
    let Some(id) = tx.find(&APPLICATION_BY_CLIENT, &client)? else { return Ok(None) };
    Ok(tx.get(&APPLICATIONS, &id)?.filter(|row| row.tenant == tenant).map(|row| (id, row)))
}

/// Registers an application together with its service principal, without any credential. What is returned is the
/// service principal.
pub fn create_application(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    tenant: TenantId,
    display_name: &str,
) -> Result<(ObjectId, ServicePrincipal), StoreError> {
    let application = Application::new(world, tenant, display_name);
    register_application(tx, world, &application)?;
    create_service_principal(tx, world, &application)
}

/// Stores a new application under an id of its own.
pub fn register_application(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    application: &Application,
) -> Result<ObjectId, StoreError> {
    let id = ObjectId::random(world.entropy);
    tx.create(&APPLICATIONS, &id, application)?;
    Ok(id)
}

/// Makes the service principal of an application that has none.
pub fn create_service_principal(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    application: &Application,
) -> Result<(ObjectId, ServicePrincipal), StoreError> {
    let (client, name) = (application.client_id, application.display_name.as_str());
    create_principal(tx, world, application.tenant, (client, name), PrincipalKind::Application)
}

/// The service principal of an application, if it has one.
pub fn principal_of(
    tx: &impl Read,
    application: &Application,
) -> Result<Option<(ObjectId, ServicePrincipal)>, StoreError> {
    let Some(id) = tx.find(&PRINCIPAL_BY_CLIENT, &application.client_id)? else { return Ok(None) };
    Ok(tx.get(&PRINCIPALS, &id)?.map(|row| (id, row)))
}
