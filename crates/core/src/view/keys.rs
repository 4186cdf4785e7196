//! Signing keys as the view holds them: opened.

use super::View;
use bonafide_crypto::SigningKey;
use bonafide_types::{PROGRAM_MADE_AT, TenantId, Timestamp};
use std::sync::Arc;

/// One signing key.
#[derive(Clone)]
pub struct KnownKey {
    /// The key itself.
    pub key: Arc<SigningKey>,
    /// From when it signs and verifies.
    pub not_before: Timestamp,
    /// Until when it signs and verifies.
    pub not_after: Timestamp,
}

/// The signing keys of one tenant.
#[derive(Clone, Default)]
pub struct TenantKeys {
    pub(super) keys: Vec<KnownKey>,
}

impl View {
    /// True when some tenant's tokens can be signed at `now`.
    pub fn can_sign(&self, now: Timestamp) -> bool {
        self.keys.values().any(|keys| keys.signing(now).is_some())
    }
}

impl View {
    /// The tenants whose signing keys have all expired, or are not valid yet, at `now`.
    pub fn tenants_that_cannot_sign(&self, now: Timestamp) -> Vec<TenantId> {
        let cannot = self.keys.iter().filter(|(_, keys)| keys.signing(now).is_none());
        cannot.map(|(tenant, _)| *tenant).collect()
    }
}

impl TenantKeys {
    /// The key that signs at `now`: of those that are valid, the one that is valid longest. None does at a time at which
    /// this program did not exist: such a clock is wrong, and what it times is refused everywhere (OP-08).
    pub fn signing(&self, now: Timestamp) -> Option<&SigningKey> {
        let usable = self.usable(now).filter(|_| now >= PROGRAM_MADE_AT);
        usable.max_by_key(|known| known.not_after).map(|known| known.key.as_ref())
    }

    /// The key with an id, if it is valid at `now`. A retired key verifies nothing (JW-04).
    pub fn verifying(&self, kid: &str, now: Timestamp) -> Option<&Arc<SigningKey>> {
        self.usable(now).find(|known| known.key.kid() == kid).map(|known| &known.key)
    }

    /// The keys that are valid at `now`, and those that will: what a key set publishes.
    pub fn published(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(move |known| now < known.not_after).map(|known| known.key.as_ref())
    }

    fn usable(&self, now: Timestamp) -> impl Iterator<Item = &KnownKey> {
        self.keys.iter().filter(move |known| known.not_before <= now && now < known.not_after)
    }
}
