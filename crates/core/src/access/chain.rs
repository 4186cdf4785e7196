//! The place of a check: a scope with everything above it.

use super::ScopeKey;
use crate::directory::{
    MANAGEMENT_GROUP_LEVELS_MAX, MANAGEMENT_GROUPS, RESOURCES, Resource, SUBSCRIPTIONS, Subscription,
};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ManagementGroupUuid, ResourceUuid, SubscriptionId, TenantId};

/// A scope with everything above it, outermost first, and the tenant that it all belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    tenant: TenantId,
    scopes: Vec<ScopeKey>,
}

impl Chain {
    /// The root of a tenant.
    pub fn root(tenant: TenantId) -> Self {
        Self { tenant, scopes: vec![ScopeKey::Root] }
    }

    /// This chain and one scope inside it.
    #[must_use]
    pub fn then(mut self, scope: ScopeKey) -> Self {
        self.scopes.push(scope);
        self
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The scope itself: the innermost.
    pub fn scope(&self) -> ScopeKey {
        self.scopes.last().copied().unwrap_or(ScopeKey::Root)
    }

    /// All scopes, outermost first.
    pub fn scopes(&self) -> &[ScopeKey] {
        &self.scopes
    }

    /// The subscription that the scope is or lies in.
    pub fn subscription(&self) -> Option<SubscriptionId> {
        self.scopes.iter().find_map(|scope| match scope {
            ScopeKey::Subscription(id) => Some(*id),
            _ => None,
        })
    }

    /// The part down to a subscription, if the scope is it or lies in it.
    fn down_to(&self, subscription: SubscriptionId) -> Option<Self> {
        let at = self.scopes.iter().position(|scope| *scope == ScopeKey::Subscription(subscription))?;
        Some(Self { tenant: self.tenant, scopes: self.scopes[..=at].to_vec() })
    }
}

/// The scopes down to a management group of a tenant; `None` is its root group.
pub fn chain_of_management_group(
    tx: &impl Read,
    tenant: TenantId,
    group: Option<ManagementGroupUuid>,
) -> Result<Chain, StoreError> {
    let root = ScopeKey::root_group(tenant);
    let mut inner = Vec::new();
    let mut next = group;
    while let Some(uuid) = next.filter(|uuid| ScopeKey::ManagementGroup(*uuid) != root) {
        if inner.len() == MANAGEMENT_GROUP_LEVELS_MAX {
            break;
        }
        inner.push(ScopeKey::ManagementGroup(uuid));
        next = tx.get(&MANAGEMENT_GROUPS, &(tenant, uuid))?.and_then(|row| row.parent);
    }
    Ok(inner.into_iter().rev().fold(Chain::root(tenant).then(root), Chain::then))
}

/// The scopes down to a subscription.
pub fn chain_of_subscription(tx: &impl Read, id: SubscriptionId, row: &Subscription) -> Result<Chain, StoreError> {
    Ok(chain_of_management_group(tx, row.tenant, row.management_group)?.then(ScopeKey::Subscription(id)))
}

/// The scopes of a stored resource, outermost first.
pub fn chain_of(tx: &impl Read, uuid: ResourceUuid, resource: &Resource) -> Result<Chain, StoreError> {
    let root = Chain::root(resource.tenant);
    let above = match resource.subscription() {
        None => root,
        Some(id) => match tx.get(&SUBSCRIPTIONS, &id)?.filter(|row| row.tenant == resource.tenant) {
            Some(row) => chain_of_subscription(tx, id, &row)?,
            None => root.then(ScopeKey::Subscription(id)),
        },
    };
    inside(tx, above, uuid, resource)
}

/// The same, where the scopes of its subscription are known: those of `near`, if that lies in it.
pub fn chain_near(tx: &impl Read, near: &Chain, uuid: ResourceUuid, resource: &Resource) -> Result<Chain, StoreError> {
    match resource.subscription().and_then(|id| near.down_to(id)) {
        Some(above) => inside(tx, above, uuid, resource),
        None => chain_of(tx, uuid, resource),
    }
}

/// The scopes of a resource below those of its subscription.
fn inside(tx: &impl Read, above: Chain, uuid: ResourceUuid, resource: &Resource) -> Result<Chain, StoreError> {
    let mut inner = Vec::new();
    let mut parent = resource.parent;
    while let Some(uuid) = parent {
        inner.push(ScopeKey::Resource(uuid));
        parent = tx.get(&RESOURCES, &uuid)?.and_then(|above| above.parent);
    }
    let chain = match resource.group {
        Some(group) => above.then(ScopeKey::Group(group)),
        None => above,
    };
    let chain = inner.into_iter().rev().fold(chain, Chain::then);
    Ok(chain.then(ScopeKey::of(uuid, resource)))
}
