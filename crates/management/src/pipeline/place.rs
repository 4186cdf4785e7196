//! Where a request points: the scopes from the tenant's root down to it, and what of it exists.

use crate::Cx;
use crate::fault::{Fault, Issuers};
pub(crate) use bonafide_core::access::chain_of;
use bonafide_core::access::{Chain, ScopeKey};
use bonafide_core::directory::{GROUP_TYPE, Resource, SUBSCRIPTIONS, find};
use bonafide_core::tokens::TokenVersion;
use bonafide_store::Read;
use bonafide_types::{ResourceId, ResourceUuid, Scope, TenantId};

/// A stored resource with its key.
pub(crate) type Found = (ResourceUuid, Resource);

/// Where a request points.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The scopes that exist, outermost first. What does not exist can hold no role assignment.
    pub(crate) chain: Chain,
    /// The resource group, if the id names one that exists.
    pub(crate) group: Option<Found>,
    /// The resource that this one is a child of or an extension on, if it exists.
    pub(crate) parent: Option<Found>,
    /// The resource itself, if it exists.
    pub(crate) found: Option<Found>,
}

/// The root of the caller's own tenant.
pub(crate) fn root(tenant: TenantId) -> Place {
    Place { chain: Chain::root(tenant), group: None, parent: None, found: None }
}

/// Finds where a scope lies. A subscription of another tenant is refused before anything in it is read.
pub(crate) fn locate(tx: &impl Read, cx: &Cx<'_>, tenant: TenantId, scope: &Scope) -> Result<Place, Fault> {
    let Scope::Id(id) = scope else { return Ok(root(tenant)) };
    // Management groups and the like are not served; they must not pass for the root.
    let subscription = id.subscription().ok_or(Fault::NoSuchRoute)?;
    let row = tx.get(&SUBSCRIPTIONS, &subscription)?.ok_or(Fault::SubscriptionNotFound(subscription))?;
    if row.tenant != tenant {
        let issuer = |tenant| cx.authority.issuer(TokenVersion::V1, tenant);
        let issuer =
            Issuers { token: issuer(tenant), subscription: issuer(row.tenant), login: cx.config.login.clone() };
        return Err(Fault::WrongTenant { subscription: row.tenant, issuer });
    }
    let mut place = root(tenant);
    place.chain = place.chain.then(ScopeKey::Subscription(subscription));
    for id in lineage(id) {
        let found = find(tx, &id)?;
        if id.group_id().as_ref() == Some(&id) {
            if let Some((uuid, _)) = &found {
                place.chain = place.chain.then(ScopeKey::Group(*uuid));
            }
            place.group.clone_from(&found);
            place.found = found;
        } else {
            if let Some((uuid, _)) = &found {
                place.chain = place.chain.then(ScopeKey::Resource(*uuid));
            }
            place.parent = place.found.take().filter(|(_, above)| !above.id.type_name().is(GROUP_TYPE));
            place.found = found;
        }
    }
    Ok(place)
}

/// An id and all above it, outermost first, without the subscription.
fn lineage(id: &ResourceId) -> Vec<ResourceId> {
    let mut ids: Vec<ResourceId> = std::iter::successors(Some(id.clone()), ResourceId::parent).collect();
    ids.pop();
    ids.reverse();
    ids
}
