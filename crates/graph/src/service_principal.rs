//! A service principal as Microsoft Graph shows it.

use crate::asked::Asked;
use crate::credentials::Credentials;
use crate::kind::Kind;
use crate::properties::Select;
use bonafide_core::directory::{
    Application, PrincipalKind, RESOURCES_REGISTERED, ServicePrincipal, application_by_client,
};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ClientId, ObjectId, TenantId};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// `servicePrincipalType` of what a service principal stands for.
pub(crate) fn type_of(kind: &PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Application => "Application",
        PrincipalKind::SystemAssigned { .. } | PrincipalKind::UserAssigned { .. } => "ManagedIdentity",
    }
}

/// Prints service principals with the properties that were selected.
pub(crate) struct Printer<'a, R> {
    asked: &'a Asked<'a, R>,
    select: Select,
    /// The identifiers that applications of the tenant registered.
    identifiers: HashMap<ClientId, Vec<String>>,
}

impl<'a, R: Read> Printer<'a, R> {
    /// Prints what `$select` names.
    pub(crate) fn new(asked: &'a Asked<'a, R>, select: Select) -> Result<Self, StoreError> {
        let identifiers =
            if select.has("servicePrincipalNames") { identifiers(asked.tx, asked.tenant)? } else { HashMap::new() };
        Ok(Self { asked, select, identifiers })
    }

    /// The selected names, as `@odata.context` has them.
    pub(crate) fn context(&self) -> String {
        self.select.context()
    }

    /// One service principal.
    pub(crate) fn print(&self, id: ObjectId, row: &ServicePrincipal) -> Result<Map<String, Value>, StoreError> {
        let mut all = Kind::ServicePrincipal.empty();
        let mut set = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
        set("id", json!(id));
        set("accountEnabled", json!(row.enabled));
        set("appId", json!(row.client_id));
        set("createdDateTime", json!(row.created_at.second()));
        set("displayName", json!(row.display_name));
        set("servicePrincipalType", json!(type_of(&row.kind)));
        set("servicePrincipalNames", json!(self.names(row)));
        match &row.kind {
            PrincipalKind::Application => {
                set("appDisplayName", json!(row.display_name));
                if let Some((_, application)) = application_by_client(self.asked.tx, row.tenant, row.client_id)? {
                    self.of_application(&application).into_iter().for_each(|(name, value)| set(name, value));
                }
                set("appOwnerOrganizationId", json!(row.tenant));
                set("signInAudience", json!("AzureADMyOrg"));
            }
            PrincipalKind::SystemAssigned { resource_id, .. } => {
                set("alternativeNames", json!(["isExplicit=False", resource_id]));
            }
            PrincipalKind::UserAssigned { resource_id, .. } => {
                set("alternativeNames", json!(["isExplicit=True", resource_id]));
            }
        }
        if self.select.has("keyCredentials") || self.select.has("passwordCredentials") {
            let Credentials { keys, passwords } = Credentials::of(self.asked.tx, id)?;
            set("keyCredentials", keys.into());
            set("passwordCredentials", passwords.into());
        }
        all.retain(|name, _| self.select.has(name));
        Ok(all)
    }

    /// The properties that a service principal shows of its application. Source: Microsoft Learn, "servicePrincipal resource
    /// type".
    fn of_application(&self, application: &Application) -> Vec<(&'static str, Value)> {
        let (kept, empty) = (&application.properties, Kind::Application.empty());
        let of = |name: &str| kept.get(name).or(empty.get(name)).cloned().unwrap_or_default();
        let within = |object: &str, name: &str| kept.get(object).and_then(|value| value.get(name)).cloned();
        vec![
            ("appDescription", of("description")),
            ("appRoles", of("appRoles")),
            ("homepage", within("web", "homePageUrl").unwrap_or_default()),
            ("logoutUrl", within("web", "logoutUrl").unwrap_or_default()),
            ("oauth2PermissionScopes", within("api", "oauth2PermissionScopes").unwrap_or_else(|| json!([]))),
            ("replyUrls", within("web", "redirectUris").unwrap_or_else(|| json!([]))),
            ("tags", of("tags")),
        ]
    }

    /// The application id first: az shows the first one as the name of a principal.
    fn names(&self, row: &ServicePrincipal) -> Vec<String> {
        let identifiers = self.identifiers.get(&row.client_id).into_iter().flatten();
        [row.client_id.to_string()].into_iter().chain(identifiers.cloned()).collect()
    }
}

/// The identifiers that applications of a tenant registered, but for their application ids.
fn identifiers(tx: &impl Read, tenant: TenantId) -> Result<HashMap<ClientId, Vec<String>>, StoreError> {
    let mut identifiers: HashMap<ClientId, Vec<String>> = HashMap::new();
    for (_, resource) in tx.page(&RESOURCES_REGISTERED, &tenant, None, usize::MAX)? {
        if resource.identifier != resource.app_id.to_string() {
            identifiers.entry(resource.app_id).or_default().push(resource.identifier);
        }
    }
    Ok(identifiers)
}
