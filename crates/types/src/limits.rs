//! Limits of several crates. Each has a name, a unit and a source; a limit of one file stands at its top.

/// Longest resource group name, in bytes. Source: Azure naming rules (90).
pub const RESOURCE_GROUP_NAME_BYTES_MAX: usize = 90;
/// User-assigned identities on one resource. Source: Microsoft Learn, managed identities FAQ (1,000 on one virtual machine).
pub const USER_ASSIGNED_IDENTITIES_MAX: usize = 1_000;
/// Role assignments in one subscription. Source: Azure RBAC limits (4,000).
pub const ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX: usize = 4_000;
/// Role assignments at one management group. Source: Microsoft Learn, "Azure subscription and service limits".
pub const ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX: usize = 500;
/// Management groups of one tenant. Source: Microsoft Learn, "Azure subscription and service limits".
pub const MANAGEMENT_GROUPS_PER_TENANT_MAX: usize = 10_000;
/// Custom roles in one tenant. Source: Azure RBAC limits (5,000).
pub const CUSTOM_ROLES_PER_TENANT_MAX: usize = 5_000;

/// Longest request target (path and query), in bytes. Source: ours (THREAT_MODEL.md, NP-06).
pub const TARGET_BYTES_MAX: usize = 8 * 1024;
/// Largest request head, in bytes. Source: ours (THREAT_MODEL.md, NP-06).
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Largest body of a token request, in bytes. Source: ours (THREAT_MODEL.md, NP-06).
pub const TOKEN_BODY_BYTES_MAX: usize = 64 * 1024;
/// Largest body of a management request, in bytes. Source: ours (THREAT_MODEL.md, NP-06).
pub const MANAGEMENT_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting of a JSON body. Source: ours (THREAT_MODEL.md, NP-06).
pub const JSON_DEPTH_MAX: usize = 32;
/// Members and elements in one JSON body. Source: ours (THREAT_MODEL.md, NP-06).
pub const JSON_MEMBERS_MAX: usize = 10_000;

/// Longest time that a peer may take to send a request body, in seconds. Source: ours.
pub const BODY_SECONDS_MAX: u64 = 15;
/// Clock difference tolerated between us and a caller, in seconds. Source: Entra (5 minutes).
pub const CLOCK_SKEW_SECONDS_MAX: u64 = 300;
/// Lifetime of an agent's client assertion, in seconds. Source: ours; the agent signs one for each request.
pub const AGENT_ASSERTION_LIFETIME_SECONDS: u64 = 60;
/// Lifetime of a managed identity's certificate, in seconds (90 days). Source: Azure's own (Microsoft Learn, managed identities FAQ).
pub const IDENTITY_CREDENTIAL_SECONDS: u64 = 90 * 86_400;
/// Lifetime of a host's certificate, in seconds (24 hours). Source: ours; identity keys are valid only beside it.
pub const HOST_CERTIFICATE_SECONDS: u64 = 86_400;

/// Age at which a view no longer decides which tokens are valid, in seconds. Source: ours; what was revoked
/// in a store that cannot be read is honoured no longer than this.
pub const VIEW_AGE_SECONDS_MAX: u64 = 30;

/// Metadata token requests per second and workload. Source: Azure IMDS (20).
pub const METADATA_RATE_PER_SECOND: u32 = 20;
/// Tokens that login is asked for at once for one workload whose callers wait. Source: Azure IMDS (5 concurrent requests).
pub const METADATA_FETCHES_AT_ONCE: u32 = 5;
