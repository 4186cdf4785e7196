//! Tenants and subscriptions.

use bonafide_store::{Absence, Index, Table};
use bonafide_types::{SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
}

/// Subscriptions by id.
pub const SUBSCRIPTIONS: Table<SubscriptionId, Subscription> =
    Table::indexed("subscription", Absence::Withholds, |_, subscription, entries| {
        entries.many(&SUBSCRIPTIONS_OF_TENANT, &subscription.tenant);
    });

/// The subscriptions that trust a tenant.
pub const SUBSCRIPTIONS_OF_TENANT: Index<TenantId, SubscriptionId> = Index::new("subscription-of-tenant");

/// The tags of subscriptions, by subscription; none where nothing is.
pub const SUBSCRIPTION_TAGS: Table<SubscriptionId, Map<String, Value>> =
    Table::new("subscription-tags", Absence::Withholds);
