//! The view: what the token path needs, in memory, fed by the store's changes. Tokens are issued from
//! it, so the store may be slow or down.

mod app_roles;
mod applications;
mod attested;
mod compact_id;
mod credential;
mod follow;
mod keys;
mod lifetimes;
mod placed;
mod principals;
mod runs;
mod told;

pub use applications::KnownApplication;
pub use attested::ATTESTED_TOKENS_MAX;
pub(crate) use attested::{Attested, AttestedTokens};
pub use credential::{KnownCredential, KnownProof, RegisteredKey};
pub use follow::{Views, ViewsError};
pub use keys::{KnownKey, TenantKeys};
pub use placed::{HostChanges, PlacedHost};
pub use principals::KnownPrincipal;

use crate::directory::{RegisteredResource, Tenant};
use crate::placement::{Host, Placed, SetIdentities};
use app_roles::AppRoles;
use applications::Applications;
use bonafide_store::Cursor;
use bonafide_types::{ClientId, HostId, ObjectId, ResourceUuid, SubscriptionId, TenantId};
use imbl::HashMap;
use lifetimes::Lifetimes;
use principals::Principals;
use std::sync::Arc;
use told::Told;

/// The state of the directory at one revision. Cloning it is cheap; a reader keeps a consistent one
/// for as long as it needs.
#[derive(Clone)]
pub struct View {
    pub(crate) cursor: Cursor,
    pub(crate) tenants: HashMap<TenantId, Tenant>,
    subscriptions: HashMap<SubscriptionId, TenantId>,
    principals: Principals,
    applications: Applications,
    lifetimes: Lifetimes,
    app_roles: AppRoles,
    pub(crate) hosts: HashMap<HostId, Host>,
    pub(crate) placed: HashMap<HostId, Arc<PlacedHost>>,
    sets: HashMap<ResourceUuid, Arc<SetIdentities>>,
    pub(crate) keys: HashMap<TenantId, Arc<TenantKeys>>,
    pub(crate) registered: HashMap<(TenantId, String), RegisteredResource>,
    /// With `told` the parts that are not of a revision: all views share them.
    pub(crate) attested: Arc<AttestedTokens>,
    told: Arc<Told>,
}

impl View {
    /// A view of nothing.
    pub fn empty(cursor: Cursor) -> Self {
        Self {
            cursor,
            tenants: HashMap::new(),
            subscriptions: HashMap::new(),
            principals: Principals::new(),
            applications: Applications::default(),
            lifetimes: Lifetimes::default(),
            app_roles: AppRoles::default(),
            hosts: HashMap::new(),
            placed: HashMap::new(),
            sets: HashMap::new(),
            keys: HashMap::new(),
            registered: HashMap::new(),
            attested: Arc::default(),
            told: Arc::default(),
        }
    }

    /// The revision that the view shows.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// A tenant.
    pub fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    /// The tenant that a subscription trusts.
    pub fn tenant_of_subscription(&self, id: SubscriptionId) -> Option<TenantId> {
        self.subscriptions.get(&id).copied()
    }

    /// A service principal of a tenant. One of another tenant does not exist here (TN-01).
    pub fn principal(&self, tenant: TenantId, id: ObjectId) -> Option<&KnownPrincipal> {
        self.principals.find(id).filter(|principal| principal.tenant == tenant)
    }

    /// The service principal of a tenant that signs in as `client`.
    pub fn principal_by_client(&self, tenant: TenantId, client: ClientId) -> Option<(ObjectId, &KnownPrincipal)> {
        let id = self.principals.id_of_client(client)?;
        self.principal(tenant, id).map(|principal| (id, principal))
    }

    /// The service principals of a tenant in the order of their object ids: those after one, or all.
    pub fn principals_of(
        &self,
        tenant: TenantId,
        after: Option<ObjectId>,
    ) -> impl Iterator<Item = (ObjectId, &KnownPrincipal)> {
        self.principals.after(after).filter(move |(_, principal)| principal.tenant == tenant)
    }

    /// The application of a tenant with this client id.
    pub fn application_by_client(&self, tenant: TenantId, client: ClientId) -> Option<&KnownApplication> {
        self.applications.by_client(client).filter(|known| known.tenant == tenant)
    }

    /// The credentials that hang on one object of the directory itself, expired ones included.
    pub fn credentials(&self, object: ObjectId) -> &[KnownCredential] {
        self.principals.credentials(object)
    }

    /// The credentials that a service principal can sign in with, expired ones included: its own, and those of its
    /// application, which a managed identity does not have.
    pub fn credentials_to_sign_in(
        &self,
        id: ObjectId,
        principal: &KnownPrincipal,
    ) -> impl Iterator<Item = &KnownCredential> {
        let application = (!principal.is_managed())
            .then(|| self.application_by_client(principal.tenant, principal.client_id))
            .flatten();
        let of_application = application.map_or(&[][..], |known| self.credentials(known.id));
        self.credentials(id).iter().chain(of_application)
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = (HostId, &Host)> {
        self.hosts.iter().map(|(id, host)| (*id, host))
    }

    /// A host.
    pub fn host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(&id)
    }

    /// A workload on a host.
    pub fn placement(&self, host: HostId, workload: ResourceUuid) -> Option<&Placed> {
        self.placed(host)?.workload(workload)
    }

    /// The workloads placed on a host.
    pub fn placed(&self, host: HostId) -> Option<&PlacedHost> {
        self.placed.get(&host).map(Arc::as_ref)
    }

    /// The signing keys of a tenant.
    pub fn keys(&self, tenant: TenantId) -> Option<&TenantKeys> {
        self.keys.get(&tenant).map(Arc::as_ref)
    }

    /// An identifier of an application that a tenant registered (`Audience::lookup_key`).
    pub fn registered_resource(&self, tenant: TenantId, identifier: String) -> Option<&RegisteredResource> {
        self.registered.get(&(tenant, identifier))
    }
}
