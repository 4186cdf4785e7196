//! Signing keys as the view holds them: opened.

use super::View;
use bonafide_crypto::SigningKey;
use bonafide_types::Timestamp;
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

impl TenantKeys {
    /// The key that signs at `now`: of those that are valid, the one that is valid longest.
    pub fn signing(&self, now: Timestamp) -> Option<&SigningKey> {
        self.usable(now).max_by_key(|known| known.not_after).map(|known| known.key.as_ref())
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
