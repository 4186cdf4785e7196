//! Every limit has a name, a unit and a source.

/// Longest resource name, in bytes. Source: ours; Azure's longest documented name is 260.
pub const RESOURCE_NAME_BYTES_MAX: usize = 260;
/// Longest resource group name, in bytes. Source: Azure naming rules (90).
pub const RESOURCE_GROUP_NAME_BYTES_MAX: usize = 90;
/// Longest ARM id, in bytes. Source: ours; a store key of 1 KiB must hold an id and a prefix.
pub const RESOURCE_ID_BYTES_MAX: usize = 800;
/// Longest resource type, in bytes. Source: ours.
pub const TYPE_NAME_BYTES_MAX: usize = 256;
/// Longest location name, in bytes. Source: ours.
pub const LOCATION_NAME_BYTES_MAX: usize = 64;
/// Longest audience, in bytes. Source: ours; registered resource URIs are at most 255.
pub const AUDIENCE_BYTES_MAX: usize = 512;
/// User-assigned identities on one resource. Source: Microsoft Learn, managed identities FAQ (1,000 on one virtual machine).
pub const USER_ASSIGNED_IDENTITIES_MAX: usize = 1_000;
/// Hosts that run one workload. Source: ours; a change of the workload is one transaction with all of them.
pub const WORKLOAD_HOSTS_MAX: usize = 100;
/// Tags on one resource. Source: Azure Resource Manager limits (50).
pub const TAGS_MAX: usize = 50;
/// Role assignments in one subscription. Source: Azure RBAC limits (4,000).
pub const ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX: usize = 4_000;
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
/// Largest body that is read from anybody, in bytes; of a larger one the caller must be known first. Source: ours.
pub const STRANGER_BODY_BYTES_MAX: usize = 64 * 1024;
/// Larger bodies in memory at once on one listener, in bytes together. Source: ours.
pub const LARGE_BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How much of that a body takes at a time, as it arrives, in bytes. Source: ours.
pub const LARGE_BODY_STEP_BYTES: usize = 64 * 1024;
/// Deepest nesting of a JSON body. Source: ours (THREAT_MODEL.md, NP-06).
pub const JSON_DEPTH_MAX: usize = 32;
/// Members and elements in one JSON body. Source: ours (THREAT_MODEL.md, NP-06).
pub const JSON_MEMBERS_MAX: usize = 10_000;

/// How long a peer may take to send a request head, in seconds; also how long a connection may lie
/// idle between requests. Source: hyper's default (30 s).
pub const HEADER_SECONDS_MAX: u64 = 30;
/// How long a peer may take to send a request body, in seconds. Source: ours.
pub const BODY_SECONDS_MAX: u64 = 15;
/// Clock difference tolerated between us and a caller, in seconds. Source: Entra (5 minutes).
pub const CLOCK_SKEW_SECONDS_MAX: u64 = 300;
/// How far ahead a client assertion may end, in seconds. Source: ours; Entra sets no limit, the SDKs use 10 to 30
/// minutes, and clients that sign for themselves up to a day.
pub const ASSERTION_LIFETIME_SECONDS_MAX: u64 = 86_400;
/// Lifetime of an agent's client assertion, in seconds. Source: ours; the agent signs one for each request.
pub const AGENT_ASSERTION_LIFETIME_SECONDS: u64 = 60;
/// Lifetime of a managed identity's access token after issue, in seconds. Source: docs/wire/tokens.md (`expires_in` "86400").
pub const IDENTITY_TOKEN_SECONDS: u64 = 86_400;
/// Lifetime of an application's access token after issue, in seconds. Source: docs/wire/tokens.md (`expires_in` 3599, `exp` − `iat` 3900).
pub const APPLICATION_TOKEN_SECONDS: u64 = 3_600;
/// How far `iat` and `nbf` lie before the issue, in seconds. Source: docs/wire/tokens.md.
pub const TOKEN_BACKDATE_SECONDS: u64 = 300;
/// Lifetime of a managed identity's certificate, in seconds (90 days). Source: Azure's own (Microsoft Learn, managed identities FAQ).
pub const IDENTITY_CREDENTIAL_SECONDS: u64 = 90 * 86_400;
/// Age at which a managed identity's certificate is renewed, in seconds (45 days). Source: the same.
pub const IDENTITY_CREDENTIAL_RENEW_SECONDS: u64 = 45 * 86_400;
/// Lifetime of a host's certificate, in seconds (24 hours). Source: ours; identity keys are valid only beside it.
pub const HOST_CERTIFICATE_SECONDS: u64 = 86_400;

/// Age at which a view no longer decides which tokens are valid, in seconds. Source: ours; what was revoked
/// in a store that cannot be read is honoured no longer than this.
pub const VIEW_AGE_SECONDS_MAX: u64 = 30;

/// Metadata token requests per second and workload. Source: Azure IMDS (20).
pub const METADATA_RATE_PER_SECOND: u32 = 20;
/// Concurrent metadata token requests per workload. Source: Azure IMDS (5).
pub const METADATA_CONCURRENT: u32 = 5;
/// Forced token refreshes (`bypass_cache=true`) per second and workload, five at once. Source: ours; a
/// workload that forces every request must not reach login more often than this.
pub const METADATA_FORCED_PER_SECOND: u32 = 1;
/// Forced token refreshes that a workload may save up. Source: ours.
pub const METADATA_FORCED_BURST: u32 = 5;
/// `Retry-After` of a throttled metadata request, in seconds. Source: ours; MSAL Python replays
/// the refusal for that long.
pub const METADATA_RETRY_AFTER_SECONDS: u32 = 1;
/// Cached tokens per workload. Source: ours; 1,000 identities with four resources each.
pub const METADATA_TOKENS_PER_WORKLOAD_MAX: usize = 4_096;
/// Tokens being fetched at once per workload. Source: ours; each of 1,000 identities twice.
pub const METADATA_FETCHES_PER_WORKLOAD_MAX: usize = 2_048;
/// A cached token with less life than this, in seconds, is not handed out while login answers.
/// Source: ours; long enough for the call that the token is for.
pub const METADATA_TOKEN_MARGIN_SECONDS: u64 = 30;
/// Longest pause between two attempts to refresh a token in the background, in seconds. Source: ours.
pub const METADATA_REFRESH_PAUSE_SECONDS_MAX: u64 = 60;
/// Longest `xms_cc` parameter, in bytes. Source: ours; the one known value is `cp1`.
pub const METADATA_CAPABILITIES_BYTES_MAX: usize = 256;
/// Queries that one metadata endpoint remembers having read. Source: ours; 64 identities or resources in turn.
pub const METADATA_QUERIES_REMEMBERED_MAX: usize = 64;
/// Longest query that is remembered, in bytes. Source: ours.
pub const METADATA_QUERY_REMEMBERED_BYTES_MAX: usize = 1_024;

/// Connections open at once on one listener. Source: ours; each costs about 40 KiB at most.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Connections open at once on an endpoint that lives as long as one command (`exec`, `token`). Source: ours.
pub const PASSING_ENDPOINT_CONNECTIONS_MAX: usize = 256;
/// Descriptors of the process that listeners leave alone, for the store, files, the agent's own connections
/// and passing endpoints: this many, or half of a small limit. Source: ours.
pub const DESCRIPTORS_KEPT: usize = 256;
/// Listeners that divide the rest: public, hosts, and the metadata endpoint's two. Source: ours.
pub const DESCRIPTOR_SHARES: usize = 4;
/// How long a TLS handshake may take, in seconds. Source: ours.
pub const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// How long requests in flight may take after a stop was asked for, in seconds. Source: ours.
pub const STOP_SECONDS_MAX: u64 = 10;
