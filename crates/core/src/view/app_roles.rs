//! Roles of applications as the view holds them: those that are defined, and who has which.

use super::View;
use crate::directory::{AppRoleAssignment, Application};
use bonafide_types::{ClientId, ObjectId, TenantId};
use imbl::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Roles by application, and assignments by principal.
#[derive(Clone, Default)]
pub(super) struct AppRoles {
    /// Enabled ones that service principals can have, with their names in tokens.
    defined: HashMap<ObjectId, Arc<[(Uuid, String)]>>,
    held: HashMap<ObjectId, Arc<[Held]>>,
}

/// A role that a principal has.
#[derive(Clone, Copy)]
struct Held {
    /// The id of the assignment.
    id: Uuid,
    /// The service principal of the service.
    resource: ObjectId,
    role: Uuid,
}

impl AppRoles {
    pub(super) fn define(&mut self, application: ObjectId, row: Option<&Application>) {
        let roles = row.into_iter().flat_map(Application::app_roles);
        let roles = roles.filter(|role| role.is_enabled && role.is_for_applications);
        let roles: Arc<[_]> = roles.filter_map(|role| Some((role.id, role.value?))).collect();
        match roles.is_empty() {
            true => drop(self.defined.remove(&application)),
            false => drop(self.defined.insert(application, roles)),
        }
    }

    pub(super) fn assign(&mut self, (principal, id): (ObjectId, Uuid), row: Option<&AppRoleAssignment>) {
        let held = self.held.get(&principal).map_or(&[][..], |held| &held[..]);
        let others = held.iter().copied().filter(|held| held.id != id);
        let new = row.map(|row| Held { id, resource: row.resource, role: row.role });
        let held: Arc<[_]> = others.chain(new).collect();
        match held.is_empty() {
            true => drop(self.held.remove(&principal)),
            false => drop(self.held.insert(principal, held)),
        }
    }
}

impl View {
    /// The names of the roles that a service principal has at a resource (`roles`), in the order in which the application
    /// defines them: only those that are assigned to this very principal at the service principal that the application has
    /// now, and that it still defines.
    pub fn app_roles(&self, tenant: TenantId, principal: ObjectId, resource: Option<ClientId>) -> Vec<&str> {
        let (Some(held), Some(client)) = (self.app_roles.held.get(&principal), resource) else { return Vec::new() };
        let Some(application) = self.application_by_client(tenant, client) else { return Vec::new() };
        let Some((resource, _)) = self.principal_by_client(tenant, client) else { return Vec::new() };
        let defined = self.app_roles.defined.get(&application.id).map_or(&[][..], |roles| &roles[..]);
        let has = |role: Uuid| held.iter().any(|held| (held.resource, held.role) == (resource, role));
        defined.iter().filter(|(id, _)| has(*id)).map(|(_, value)| value.as_str()).collect()
    }
}
