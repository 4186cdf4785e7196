//! Limits of this crate that bound several of its files.

/// Cached tokens per workload. Source: ours; 1,000 identities with four resources each.
pub const TOKENS_PER_WORKLOAD_MAX: usize = 4_096;
/// Tokens being fetched at once per workload, those included that nobody waits for. Source: ours; each of 1,000 identities twice.
pub const FETCHES_PER_WORKLOAD_MAX: usize = 2_048;
