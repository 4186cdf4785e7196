//! The place that a request names: the scopes from the tenant's root down to it, and which of them exist.

use crate::Cx;
use crate::fault::{Fault, Issuers};
use crate::resource_type::Kind;
pub(crate) use bonafide_core::access::chain_of;
use bonafide_core::access::{Chain, ScopeKey};
use bonafide_core::directory::{GROUP_TYPE, RESOURCES, Resource, SUBSCRIPTIONS, find};
use bonafide_core::tokens::TokenVersion;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceId, ResourceUuid, Scope, TenantId};

/// A stored resource with its key.
pub(crate) type Found = (ResourceUuid, Resource);

/// The place that a request names.
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
    /// The outermost of all these that is being deleted.
    pub(crate) going: Option<ResourceId>,
}

/// The root of the caller's own tenant.
pub(crate) fn root(tenant: TenantId) -> Place {
    Place { chain: Chain::root(tenant), group: None, parent: None, found: None, going: None }
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
        if let Some((_, row)) = found.as_ref().filter(|(_, row)| row.is_being_deleted()) {
            place.going.get_or_insert_with(|| row.id.clone());
        }
        if id.is_group() {
            if let Some((uuid, _)) = &found {
                place.chain = place.chain.then(ScopeKey::Group(*uuid));
            }
            place.group.clone_from(&found);
            place.found = found;
        } else {
            if let Some((uuid, _)) = &found {
                place.chain = place.chain.then(ScopeKey::Resource(*uuid));
            }
            place.parent = place.found.take().filter(|(_, above)| !above.id.is_of(GROUP_TYPE));
            place.found = found;
        }
    }
    Ok(place)
}

/// The group and the parent must be there.
pub(crate) fn check_above(place: &Place, id: &ResourceId, kind: &Kind, verb: &str) -> Result<(), Fault> {
    let group = id.group_id();
    if group.as_ref() == Some(id) {
        return Ok(());
    }
    if let Some(name) = id.resource_group()
        && place.group.is_none()
    {
        return Err(Fault::GroupNotFound(name.to_owned()));
    }
    let Some(parent) = id.parent() else { return Ok(()) };
    // By the form of the id, not by the parent's type: `providers/Microsoft.Resources/…` can be written anywhere.
    let in_group = group.is_some_and(|group| group == parent);
    let in_subscription = id.subscription().is_some_and(|id| ResourceId::of_subscription(id) == parent);
    if !in_group && !in_subscription && place.parent.is_none() {
        return Err(Fault::ParentNotFound { action: verb.to_owned(), parent, type_name: kind.name.to_string() });
    }
    Ok(())
}

/// Refuses a change of a resource that is being deleted, or that lies in one.
pub(crate) fn check_open(place: &Place) -> Result<(), Fault> {
    match &place.going {
        None => Ok(()),
        Some(going) if going.is_of(GROUP_TYPE) => Err(Fault::GroupBeingDeleted(going.name().to_owned())),
        Some(going) => Err(Fault::BeingDeleted(going.clone())),
    }
}

/// An id and all above it, outermost first, without the subscription.
fn lineage(id: &ResourceId) -> Vec<ResourceId> {
    let mut ids: Vec<ResourceId> = std::iter::successors(Some(id.clone()), ResourceId::parent).collect();
    ids.pop();
    ids.reverse();
    ids
}

/// The scopes down to one that a row names; `None` when it is gone.
pub(crate) fn chain_at(tx: &impl Read, tenant: TenantId, scope: ScopeKey) -> Result<Option<Chain>, StoreError> {
    Ok(match scope {
        ScopeKey::Root => Some(Chain::root(tenant)),
        ScopeKey::Subscription(_) => Some(Chain::root(tenant).then(scope)),
        ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => match tx.get(&RESOURCES, &uuid)? {
            Some(resource) => Some(chain_of(tx, uuid, &resource)?),
            None => None,
        },
    })
}
