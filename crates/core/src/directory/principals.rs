//! Service principals: who can sign in.

use bonafide_store::{Absence, StoreError, Table, Tx, Unique};
use bonafide_types::{ClientId, ObjectId, ResourceId, ResourceUuid, TenantId, Timestamp, World};
use serde::{Deserialize, Serialize};

/// The directory object behind an application or a managed identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePrincipal {
    /// The tenant it belongs to. It exists in no other.
    pub tenant: TenantId,
    /// The id that it signs in with (`appId`).
    pub client_id: ClientId,
    /// The name for people. Never decides anything (JW-09).
    pub display_name: String,
    /// The application or identity that it stands for.
    pub kind: PrincipalKind,
    /// A disabled principal gets no token and its tokens are refused.
    pub enabled: bool,
    /// The time at which it was made.
    pub created_at: Timestamp,
}

/// The application or identity that a service principal stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum PrincipalKind {
    /// An application, which is an object of its own with the same client id.
    Application,
    /// The identity of one resource: it appears and vanishes with it.
    SystemAssigned {
        /// The resource.
        resource: ResourceUuid,
        /// The resource's ARM id; a move rewrites it in the same transaction.
        resource_id: ResourceId,
    },
    /// An identity that is a resource of its own.
    UserAssigned {
        /// The identity resource.
        resource: ResourceUuid,
        /// The identity resource's ARM id; a move rewrites it in the same transaction.
        resource_id: ResourceId,
    },
}

/// Service principals by object id.
pub const PRINCIPALS: Table<ObjectId, ServicePrincipal> =
    Table::indexed("principal", Absence::Withholds, |_, principal, entries| {
        entries.unique(&PRINCIPAL_BY_CLIENT, &principal.client_id);
    });

/// Service principals by client id.
pub const PRINCIPAL_BY_CLIENT: Unique<ClientId, ObjectId> = Unique::new("principal-by-client");

/// Makes a service principal.
pub(crate) fn create_principal(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    tenant: TenantId,
    (client_id, display_name): (ClientId, &str),
    kind: PrincipalKind,
) -> Result<(ObjectId, ServicePrincipal), StoreError> {
    let id = ObjectId::random(world.entropy);
    let principal = ServicePrincipal {
        tenant,
        client_id,
        display_name: display_name.to_owned(),
        kind,
        enabled: true,
        created_at: world.now,
    };
    tx.create(&PRINCIPALS, &id, &principal)?;
    Ok((id, principal))
}
