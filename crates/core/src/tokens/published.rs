//! The keys that a key set shows.

use crate::view::View;
use bonafide_crypto::SigningKey;
use bonafide_types::{TenantId, Timestamp};

/// The keys that verify tokens now or will: those of one tenant, or of all for the key set of
/// `common`. Each is good for the tenant it stands beside and for no other (JW-03).
pub fn published_keys(view: &View, tenant: Option<TenantId>, now: Timestamp) -> Vec<(TenantId, &SigningKey)> {
    match tenant {
        Some(tenant) => {
            view.keys(tenant).into_iter().flat_map(|keys| keys.published(now)).map(|key| (tenant, key)).collect()
        }
        None => {
            let mut tenants: Vec<_> = view.keys.iter().collect();
            tenants.sort_by_key(|(tenant, _)| **tenant);
            tenants.into_iter().flat_map(|(tenant, keys)| keys.published(now).map(|key| (*tenant, key))).collect()
        }
    }
}
