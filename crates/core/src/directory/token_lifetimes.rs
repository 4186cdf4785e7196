//! Policies of the lifetime of access tokens: a tenant's own, and those of applications and service principals.

use bonafide_store::{Absence, Index, Table, Unique};
use bonafide_types::{ObjectId, TenantId};
use serde::{Deserialize, Serialize};

/// Shortest lifetime of an access token, in seconds. Source: ours (Entra: 10 minutes); clients refresh five
/// minutes before the end, and some would ask for a new token each time.
pub const TOKEN_SECONDS_MIN: u32 = 300;
/// Longest lifetime of an access token, in seconds. Source: Microsoft Learn, "Configurable token lifetimes" (1 day).
pub const TOKEN_SECONDS_MAX: u32 = 86_400;

/// A policy of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenLifetimePolicy {
    /// The tenant.
    pub tenant: TenantId,
    /// The name for people.
    pub display_name: String,
    /// As it was sent.
    pub definition: String,
    /// The lifetime that it says.
    pub seconds: u32,
    /// True for the one that holds where no other does.
    pub is_default: bool,
}

/// Policies by object id. Without one that shortens it a token lives longer.
pub const TOKEN_LIFETIME_POLICIES: Table<ObjectId, TokenLifetimePolicy> =
    Table::indexed("token-lifetime-policy", Absence::Allows, |_, policy, entries| {
        entries.many(&LIFETIME_POLICIES_OF_TENANT, &policy.tenant);
        if policy.is_default {
            entries.unique(&DEFAULT_LIFETIME_POLICY, &policy.tenant);
        }
    });

/// The policies of a tenant.
pub const LIFETIME_POLICIES_OF_TENANT: Index<TenantId, ObjectId> = Index::new("token-lifetime-policy-of-tenant");

/// The default of a tenant.
pub const DEFAULT_LIFETIME_POLICY: Unique<TenantId, ObjectId> = Unique::new("token-lifetime-policy-default");

/// The policy of an application or a service principal, by the object.
pub const LIFETIME_POLICY_OF: Table<ObjectId, ObjectId> =
    Table::indexed("token-lifetime-assignment", Absence::Allows, |_, policy, entries| {
        entries.many(&LIFETIME_POLICY_USES, policy);
    });

/// The objects that have a policy.
pub const LIFETIME_POLICY_USES: Index<ObjectId, ObjectId> = Index::new("token-lifetime-use");
