//! The place that a request names: the scopes from the tenant's root down to it, and which of them exist.

use crate::Cx;
use crate::fault::{Fault, Issuers};
use crate::resource_type::Kind;
pub(crate) use bonafide_core::access::chain_near;
use bonafide_core::access::{
    Chain, ScopeKey, chain_of, chain_of_management_group, chain_of_subscription, management_groups,
};
use bonafide_core::directory::{GROUP_TYPE, RESOURCES, Resource, SUBSCRIPTIONS, find};
use bonafide_core::tokens::TokenVersion;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ManagementGroupUuid, ResourceId, ResourceUuid, Scope, TenantId};
use std::collections::BTreeSet;

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
    /// The management group, if the scope is one that exists.
    pub(crate) management_group: Option<ManagementGroupUuid>,
    /// The resource itself, if it exists.
    pub(crate) found: Option<Found>,
    /// The outermost of all these that is being deleted.
    pub(crate) going: Option<ResourceId>,
    /// The providers that are not registered in the subscription, in lower case.
    pub(crate) unregistered: BTreeSet<String>,
}

/// The root of the caller's own tenant.
pub(crate) fn root(tenant: TenantId) -> Place {
    of_chain(Chain::root(tenant))
}

fn of_chain(chain: Chain) -> Place {
    let (group, parent, management_group) = (None, None, None);
    Place { chain, group, parent, management_group, found: None, going: None, unregistered: BTreeSet::new() }
}

/// Finds where a scope lies. A subscription of another tenant is refused before anything in it is read.
pub(crate) fn locate(tx: &impl Read, cx: &Cx<'_>, tenant: TenantId, scope: &Scope) -> Result<Place, Fault> {
    let id = match scope {
        Scope::Root => return Ok(root(tenant)),
        Scope::ManagementGroup(id) => {
            // A group that is not there is judged by what lies above all groups.
            let group = management_groups::named(tx, tenant, id.name())?;
            let place = of_chain(chain_of_management_group(tx, tenant, group)?);
            return Ok(Place { management_group: group, ..place });
        }
        Scope::Id(id) => id,
    };
    // Other ids outside of subscriptions are not served; they must not pass for the root.
    let subscription = id.subscription().ok_or(Fault::NoSuchRoute)?;
    let row = tx.get(&SUBSCRIPTIONS, &subscription)?.ok_or(Fault::SubscriptionNotFound(subscription))?;
    if row.tenant != tenant {
        let issuer = |tenant| cx.authority.issuer(TokenVersion::V1, tenant);
        let issuer =
            Issuers { token: issuer(tenant), subscription: issuer(row.tenant), login: cx.config.login.clone() };
        return Err(Fault::WrongTenant { subscription: row.tenant, issuer });
    }
    let mut place = root(tenant);
    place.chain = chain_of_subscription(tx, subscription, &row)?;
    place.unregistered = row.unregistered;
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
        ScopeKey::Subscription(id) => match tx.get(&SUBSCRIPTIONS, &id)?.filter(|row| row.tenant == tenant) {
            Some(row) => Some(chain_of_subscription(tx, id, &row)?),
            None => None,
        },
        ScopeKey::ManagementGroup(uuid) => {
            let is_there = management_groups::name_of(tx, tenant, uuid)?.is_some();
            is_there.then(|| chain_of_management_group(tx, tenant, Some(uuid))).transpose()?
        }
        ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => match tx.get(&RESOURCES, &uuid)? {
            Some(resource) => Some(chain_of(tx, uuid, &resource)?),
            None => None,
        },
    })
}
