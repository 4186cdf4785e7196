//! The tree of a tenant, read once for a list of much of it.

use bonafide_core::access::{Chain, ScopeKey};
use bonafide_core::directory::{
    MANAGEMENT_GROUP_LEVELS_MAX, MANAGEMENT_GROUPS, ManagementGroup, SUBSCRIPTIONS, SUBSCRIPTIONS_OF_TENANT,
    Subscription, root_group_of,
};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ManagementGroupUuid, SubscriptionId, TenantId};
use std::collections::BTreeMap;

/// The display name of the root group. Source: Microsoft Learn, "What are Azure management groups?".
pub(super) const ROOT_DISPLAY_NAME: &str = "Tenant Root Group";

/// The management groups and subscriptions of a tenant.
pub(super) struct Tree {
    tenant: TenantId,
    groups: BTreeMap<ManagementGroupUuid, ManagementGroup>,
    /// The groups that lie directly in a group, and the subscriptions.
    inner: BTreeMap<ManagementGroupUuid, (Vec<ManagementGroupUuid>, Vec<SubscriptionId>)>,
    pub(super) subscriptions: BTreeMap<SubscriptionId, Subscription>,
}

impl Tree {
    pub(super) fn read(tx: &impl Read, tenant: TenantId) -> Result<Self, StoreError> {
        let rows = tx.page(&MANAGEMENT_GROUPS, &tenant, None, usize::MAX)?;
        let groups: BTreeMap<ManagementGroupUuid, ManagementGroup> =
            rows.into_iter().map(|((_, uuid), row)| (uuid, row)).collect();
        let root = root_group_of(tenant);
        let mut inner = BTreeMap::<_, (Vec<_>, Vec<_>)>::new();
        for (uuid, row) in &groups {
            inner.entry(row.parent.unwrap_or(root)).or_default().0.push(*uuid);
        }
        let mut subscriptions = BTreeMap::new();
        for id in tx.many(&SUBSCRIPTIONS_OF_TENANT, &tenant, None, usize::MAX)? {
            let Some(row) = tx.get(&SUBSCRIPTIONS, &id)? else { continue };
            inner.entry(row.management_group.unwrap_or(root)).or_default().1.push(id);
            subscriptions.insert(id, row);
        }
        Ok(Self { tenant, groups, inner, subscriptions })
    }

    /// The root group.
    pub(super) fn root(&self) -> ManagementGroupUuid {
        root_group_of(self.tenant)
    }

    /// All groups, the root group first.
    pub(super) fn groups(&self) -> impl Iterator<Item = ManagementGroupUuid> + '_ {
        std::iter::once(self.root()).chain(self.groups.keys().copied())
    }

    /// The row of a group; the root group has none.
    pub(super) fn row(&self, group: ManagementGroupUuid) -> Option<&ManagementGroup> {
        self.groups.get(&group)
    }

    /// The name of a group, and its name for people.
    pub(super) fn names(&self, group: ManagementGroupUuid) -> (String, String) {
        match self.row(group) {
            Some(row) => (row.name.clone(), row.display_name.clone()),
            None => (self.tenant.to_string(), ROOT_DISPLAY_NAME.to_owned()),
        }
    }

    /// The group in which a group lies; `None` for the root group.
    pub(super) fn parent(&self, group: ManagementGroupUuid) -> Option<ManagementGroupUuid> {
        (group != self.root()).then(|| self.row(group).and_then(|row| row.parent).unwrap_or_else(|| self.root()))
    }

    /// The group in which a subscription lies.
    pub(super) fn parent_of(&self, subscription: &Subscription) -> ManagementGroupUuid {
        subscription.management_group.unwrap_or_else(|| self.root())
    }

    /// The groups above a group, outermost first.
    pub(super) fn above(&self, group: ManagementGroupUuid) -> Vec<ManagementGroupUuid> {
        let above = std::iter::successors(self.parent(group), |group| self.parent(*group));
        let mut above: Vec<ManagementGroupUuid> = above.take(MANAGEMENT_GROUP_LEVELS_MAX + 1).collect();
        above.reverse();
        above
    }

    /// The scopes down to a group.
    pub(super) fn chain(&self, group: ManagementGroupUuid) -> Chain {
        let groups = self.above(group).into_iter().chain([group]);
        groups.map(ScopeKey::ManagementGroup).fold(Chain::root(self.tenant), Chain::then)
    }

    /// The scopes down to a subscription.
    pub(super) fn chain_of(&self, id: SubscriptionId, subscription: &Subscription) -> Chain {
        self.chain(self.parent_of(subscription)).then(ScopeKey::Subscription(id))
    }

    /// The groups that lie directly in a group.
    pub(super) fn groups_in(&self, group: ManagementGroupUuid) -> impl Iterator<Item = ManagementGroupUuid> + '_ {
        self.inner.get(&group).into_iter().flat_map(|(groups, _)| groups.iter().copied())
    }

    /// The subscriptions that lie directly in a group.
    pub(super) fn subscriptions_in(
        &self,
        group: ManagementGroupUuid,
    ) -> impl Iterator<Item = (SubscriptionId, &Subscription)> + '_ {
        let ids = self.inner.get(&group).into_iter().flat_map(|(_, ids)| ids);
        ids.filter_map(|id| self.subscriptions.get(id).map(|row| (*id, row)))
    }

    /// The number of groups and subscriptions that lie in a group, at any depth.
    pub(super) fn descendants(&self, group: ManagementGroupUuid) -> usize {
        let (mut found, mut level) = (0, vec![group]);
        for _ in 0..=MANAGEMENT_GROUP_LEVELS_MAX {
            found += level.iter().map(|group| self.subscriptions_in(*group).count()).sum::<usize>();
            level = level.into_iter().flat_map(|group| self.groups_in(group)).collect();
            found += level.len();
        }
        found
    }

    /// True when a group is `outer` or lies in it.
    pub(super) fn is_in(&self, group: ManagementGroupUuid, outer: ManagementGroupUuid) -> bool {
        group == outer || self.above(group).contains(&outer)
    }
}
