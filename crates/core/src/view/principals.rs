//! Service principals as the view holds them, with their credentials: one for every managed identity,
//! so they are small, and a change copies few of them.

use super::KnownCredential;
use super::compact_id::CompactId;
use super::runs::Runs;
use crate::directory::{PrincipalKind, ServicePrincipal};
use bonafide_types::{ClientId, CredentialId, ObjectId, ResourceId, TenantId};
use std::sync::Arc;

/// A service principal: what tokens need of its row.
#[derive(Clone)]
pub struct KnownPrincipal {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The id that it signs in with.
    pub client_id: ClientId,
    /// A disabled principal gets no token and its tokens are refused.
    pub enabled: bool,
    kind: Kind,
    /// That of a managed identity.
    resource_id: Option<CompactId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Application,
    SystemAssigned,
    UserAssigned,
}

impl KnownPrincipal {
    fn from_row(row: &ServicePrincipal) -> Self {
        let (kind, resource_id) = match &row.kind {
            PrincipalKind::Application => (Kind::Application, None),
            PrincipalKind::SystemAssigned { resource_id, .. } => (Kind::SystemAssigned, Some(resource_id)),
            PrincipalKind::UserAssigned { resource_id, .. } => (Kind::UserAssigned, Some(resource_id)),
        };
        let resource_id = resource_id.map(CompactId::new);
        Self { tenant: row.tenant, client_id: row.client_id, enabled: row.enabled, kind, resource_id }
    }

    /// True for a managed identity, which signs in only with keys made on its hosts.
    pub fn is_managed(&self) -> bool {
        self.kind != Kind::Application
    }

    /// True for a managed identity that is a resource of its own.
    pub fn is_user_assigned(&self) -> bool {
        self.kind == Kind::UserAssigned
    }

    /// The ARM id that a managed identity's tokens name (`xms_mirid`).
    pub fn resource_id(&self) -> Option<ResourceId> {
        self.resource_id.as_ref().map(CompactId::open)
    }
}

/// Service principals with their credentials, by object id and by client id.
#[derive(Clone)]
pub(super) struct Principals {
    by_id: Runs<Arc<Entry>>,
    by_client: Runs<ObjectId>,
}

/// The rows of an object id. A change may show credentials before their principal.
#[derive(Clone, Default)]
struct Entry {
    principal: Option<KnownPrincipal>,
    credentials: Box<[KnownCredential]>,
}

impl Principals {
    pub(super) fn new() -> Self {
        Self { by_id: Runs::new(), by_client: Runs::new() }
    }

    pub(super) fn find(&self, id: ObjectId) -> Option<&KnownPrincipal> {
        self.by_id.get(id.uuid())?.principal.as_ref()
    }

    /// Those after an id, or all, in the order of their ids.
    pub(super) fn after(&self, id: Option<ObjectId>) -> impl Iterator<Item = (ObjectId, &KnownPrincipal)> {
        let entries = self.by_id.after(id.map(ObjectId::uuid));
        entries.filter_map(|(id, entry)| Some((ObjectId::new(id), entry.principal.as_ref()?)))
    }

    pub(super) fn id_of_client(&self, client: ClientId) -> Option<ObjectId> {
        self.by_client.get(client.uuid()).copied()
    }

    pub(super) fn credentials(&self, id: ObjectId) -> &[KnownCredential] {
        self.by_id.get(id.uuid()).map_or(&[], |entry| &entry.credentials)
    }

    pub(super) fn put(&mut self, id: ObjectId, row: Option<&ServicePrincipal>) {
        let (old, new) = (self.find(id).map(|old| old.client_id), row.map(|row| row.client_id));
        if old != new {
            old.into_iter().for_each(|client| self.by_client.remove(client.uuid()));
            new.into_iter().for_each(|client| self.by_client.insert(client.uuid(), id));
        }
        self.change(id, |entry| entry.principal = row.map(KnownPrincipal::from_row));
    }

    pub(super) fn put_credential(&mut self, id: ObjectId, credential: CredentialId, known: Option<KnownCredential>) {
        self.change(id, |entry| {
            let mut credentials = std::mem::take(&mut entry.credentials).into_vec();
            credentials.retain(|old| old.id != credential);
            credentials.reserve_exact(1);
            credentials.extend(known);
            // The order in which they are read, so that all replicas try them in the same.
            credentials.sort_unstable_by_key(|known| known.id);
            entry.credentials = credentials.into();
        });
    }

    fn change(&mut self, id: ObjectId, change: impl FnOnce(&mut Entry)) {
        if self.by_id.get(id.uuid()).is_none() {
            self.by_id.insert(id.uuid(), Arc::default());
        }
        let Some(entry) = self.by_id.get_mut(id.uuid()).map(Arc::make_mut) else { return };
        change(entry);
        if entry.principal.is_none() && entry.credentials.is_empty() {
            self.by_id.remove(id.uuid());
        }
    }
}
