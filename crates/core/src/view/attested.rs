//! Tokens whose signature was checked before. A client sends one token with each request of its hour, and the
//! signature is most of the work of a check.

use bonafide_crypto::{SigningKey, thumbprint};
use bonafide_types::TenantId;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Most tokens that are remembered. Source: ours; clients that are at work at the same time, about 3 MiB.
pub const ATTESTED_TOKENS_MAX: usize = 1024;

/// A token whose signature a key made. Neither its key nor its claims need be valid any longer.
pub(crate) struct Attested {
    /// The tenant of the key.
    pub(crate) tenant: TenantId,
    /// The key: a private key that was removed does not stay in memory for it.
    pub(crate) key: Weak<SigningKey>,
    /// The claims that the signature covers.
    pub(crate) claims: Map<String, Value>,
}

type ByDigest = HashMap<[u8; 32], Arc<Attested>>;

/// The tokens that are remembered, by their SHA-256: a reader of this memory gets no token.
#[derive(Default)]
pub(crate) struct AttestedTokens(Mutex<Generations>);

/// The tokens of a while ago are forgotten together, except those that were sent again since.
#[derive(Default)]
struct Generations {
    young: ByDigest,
    old: ByDigest,
}

impl AttestedTokens {
    /// The name of a token here.
    pub(crate) fn digest(token: &str) -> [u8; 32] {
        thumbprint::sha256(token.as_bytes())
    }

    pub(crate) fn find(&self, digest: &[u8; 32]) -> Option<Arc<Attested>> {
        let mut held = self.lock();
        if let Some(found) = held.young.get(digest) {
            return Some(Arc::clone(found));
        }
        let found = held.old.remove(digest)?;
        held.keep(*digest, Arc::clone(&found));
        Some(found)
    }

    pub(crate) fn remember(&self, digest: [u8; 32], attested: Attested) {
        self.lock().keep(digest, Arc::new(attested));
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn keep(&mut self, digest: [u8; 32], attested: Arc<Attested>) {
        if self.young.len() >= ATTESTED_TOKENS_MAX / 2 {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(digest, attested);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_crypto::{RsaKey, SelfSigned, SystemEntropy};

    fn held(tokens: &AttestedTokens) -> usize {
        let held = tokens.lock();
        held.young.len() + held.old.len()
    }

    #[test]
    fn tokens_that_are_sent_again_stay_and_the_others_are_forgotten() {
        let spec = SelfSigned::starting("test", 1_795_253_405, 3600);
        let key = Arc::new(SigningKey::certified(RsaKey::generate().unwrap(), &spec).unwrap());
        let tenant = TenantId::random(&SystemEntropy);
        let tokens = AttestedTokens::default();
        let remember = |name: &str| {
            let attested = Attested { tenant, key: Arc::downgrade(&key), claims: Map::new() };
            tokens.remember(AttestedTokens::digest(name), attested);
        };
        remember("steady");
        remember("once");
        for at in 0..3 * ATTESTED_TOKENS_MAX {
            remember(&at.to_string());
            assert!(tokens.find(&AttestedTokens::digest("steady")).is_some(), "{at}");
            assert!(held(&tokens) <= ATTESTED_TOKENS_MAX, "{at}");
        }
        assert!(tokens.find(&AttestedTokens::digest("once")).is_none());
    }
}
