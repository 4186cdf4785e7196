//! Applications as the view holds them.

use crate::directory::{Application, TokenVersion};
use bonafide_types::{ClientId, ObjectId, TenantId};
use imbl::HashMap;

/// An application: what tokens need of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownApplication {
    /// Its object id, on which its credentials hang.
    pub id: ObjectId,
    /// The tenant that registered it.
    pub tenant: TenantId,
    /// The id that it signs in with.
    pub client_id: ClientId,
    /// The form of tokens that it takes as a resource.
    pub version: TokenVersion,
}

/// Applications by client id. There are few of them: managed identities have none.
#[derive(Clone, Default)]
pub(super) struct Applications {
    clients: HashMap<ObjectId, ClientId>,
    by_client: HashMap<ClientId, KnownApplication>,
}

impl Applications {
    pub(super) fn by_client(&self, client: ClientId) -> Option<&KnownApplication> {
        self.by_client.get(&client)
    }

    pub(super) fn put(&mut self, id: ObjectId, row: Option<&Application>) {
        if let Some(client) = self.clients.remove(&id)
            && self.by_client.get(&client).is_some_and(|known| known.id == id)
        {
            self.by_client.remove(&client);
        }
        if let Some(row) = row {
            let version = row.token_version.unwrap_or(TokenVersion::V1);
            let known = KnownApplication { id, tenant: row.tenant, client_id: row.client_id, version };
            self.clients.insert(id, row.client_id);
            self.by_client.insert(row.client_id, known);
        }
    }
}
