//! Policies of token lifetimes as the view holds them.

use super::View;
use crate::directory::TokenLifetimePolicy;
use bonafide_types::{ClientId, ObjectId, TenantId};
use imbl::HashMap;

/// Policies, and what has which.
#[derive(Clone, Default)]
pub(super) struct Lifetimes {
    policies: HashMap<ObjectId, Known>,
    defaults: HashMap<TenantId, ObjectId>,
    of: HashMap<ObjectId, ObjectId>,
}

#[derive(Clone, Copy)]
struct Known {
    tenant: TenantId,
    seconds: u32,
}

impl Lifetimes {
    pub(super) fn put(&mut self, id: ObjectId, row: Option<&TokenLifetimePolicy>) {
        if let Some(old) = self.policies.remove(&id)
            && self.defaults.get(&old.tenant) == Some(&id)
        {
            self.defaults.remove(&old.tenant);
        }
        if let Some(row) = row {
            self.policies.insert(id, Known { tenant: row.tenant, seconds: row.seconds });
            if row.is_default {
                self.defaults.insert(row.tenant, id);
            }
        }
    }

    pub(super) fn assign(&mut self, object: ObjectId, policy: Option<ObjectId>) {
        match policy {
            Some(policy) => drop(self.of.insert(object, policy)),
            None => drop(self.of.remove(&object)),
        }
    }

    fn of_policy(&self, tenant: TenantId, policy: Option<&ObjectId>) -> Option<u32> {
        self.policies.get(policy?).filter(|known| known.tenant == tenant).map(|known| known.seconds)
    }
}

impl View {
    /// The lifetime in seconds that a policy of the tenant says of a token: that of who signs in, else that of the resource,
    /// each time the service principal's before its application's, else the tenant's default. `None` where there is none.
    pub fn token_lifetime(
        &self,
        tenant: TenantId,
        (client, app_id): (ObjectId, ClientId),
        resource: Option<ClientId>,
    ) -> Option<u32> {
        let lifetimes = &self.lifetimes;
        if lifetimes.policies.is_empty() {
            return None;
        }
        let of = |object: ObjectId| lifetimes.of_policy(tenant, lifetimes.of.get(&object));
        let application = |app_id| self.application_by_client(tenant, app_id).and_then(|known| of(known.id));
        let principal = |app_id| self.principal_by_client(tenant, app_id).and_then(|(id, _)| of(id));
        of(client)
            .or_else(|| application(app_id))
            .or_else(|| principal(resource?))
            .or_else(|| application(resource?))
            .or_else(|| lifetimes.of_policy(tenant, lifetimes.defaults.get(&tenant)))
    }
}
