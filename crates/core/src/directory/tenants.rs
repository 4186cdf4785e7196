//! Tenants and subscriptions.

use bonafide_store::{Absence, Index, Table};
use bonafide_types::{ManagementGroupUuid, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A tenant (directory): the namespace of service principals and the issuer of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The name for people.
    pub display_name: String,
    /// The time at which it was made.
    pub created_at: Timestamp,
}

/// Tenants by id.
pub const TENANTS: Table<TenantId, Tenant> = Table::new("tenant", Absence::Withholds);

/// A subscription: a container of resources that trusts one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The tenant whose tokens it believes.
    pub tenant: TenantId,
    /// The name for people.
    pub display_name: String,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The management group that it lies in; `None` for the tenant's root group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_group: Option<ManagementGroupUuid>,
    /// The providers whose registration somebody took back, in lower case. All others are registered. Here and not in rows of
    /// their own, because each write asks for them and reads this row anyway.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unregistered: BTreeSet<String>,
}

impl Subscription {
    /// A new subscription, in the root management group.
    pub fn new(tenant: TenantId, display_name: impl Into<String>, created_at: Timestamp) -> Self {
        Self {
            tenant,
            display_name: display_name.into(),
            created_at,
            management_group: None,
            unregistered: BTreeSet::new(),
        }
    }
}

/// Subscriptions by id.
pub const SUBSCRIPTIONS: Table<SubscriptionId, Subscription> =
    Table::indexed("subscription", Absence::Withholds, |_, subscription, entries| {
        entries.many(&SUBSCRIPTIONS_OF_TENANT, &subscription.tenant);
        if let Some(group) = subscription.management_group {
            entries.many(&SUBSCRIPTIONS_IN_GROUP, &(subscription.tenant, group));
        }
    });

/// The subscriptions that trust a tenant.
pub const SUBSCRIPTIONS_OF_TENANT: Index<TenantId, SubscriptionId> = Index::new("subscription-of-tenant");

/// The tags of subscriptions, by subscription; none where nothing is.
pub const SUBSCRIPTION_TAGS: Table<SubscriptionId, Map<String, Value>> =
    Table::new("subscription-tags", Absence::Withholds);

/// The subscriptions that lie in a management group other than the root group itself.
pub const SUBSCRIPTIONS_IN_GROUP: Index<(TenantId, ManagementGroupUuid), SubscriptionId> =
    Index::new("subscription-in-management-group");
