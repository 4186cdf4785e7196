//! The keys that a key set shows.

use crate::view::View;
use bonafide_crypto::SigningKey;
use bonafide_types::{TenantId, Timestamp};

/// The keys that verify tokens now or will: those of one tenant, or of all for the key set of
/// `common`, whose order says nothing of whose they are. Each is good for its own tenant and for no other (JW-03).
pub fn published_keys(view: &View, tenant: Option<TenantId>, now: Timestamp) -> Vec<&SigningKey> {
    match tenant {
        Some(tenant) => view.keys(tenant).into_iter().flat_map(|keys| keys.published(now)).collect(),
        None => {
            let mut all: Vec<_> = view.keys.values().flat_map(|keys| keys.published(now)).collect();
            all.sort_by_key(|key| key.kid());
            all
        }
    }
}
