//! Assertions of agents are valid once: each names the nonce of the process that it is for, and that process remembers
//! which were used (CA-07, CA-09). So one is worth nothing at another replica, or after a restart.

use bonafide_crypto::random;
use bonafide_types::limits::CLOCK_SKEW_SECONDS_MAX;
use bonafide_types::{CredentialId, Timestamp, base64url};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Assertions of one credential that are remembered. Source: ours; a key signs one for each new
/// token, about ten a day for each resource.
const PER_CREDENTIAL_MAX: usize = 100_000;
/// Assertions that are remembered, of all credentials; about 64 MiB. Source: ours.
const TOTAL_MAX: usize = 1_000_000;
/// Width of a bucket, in seconds. Source: ours.
const BUCKET_SECONDS: u64 = 30;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 16;

/// The reason why an assertion cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is for another process, or for this one before its clock was set back; this is the nonce to name.
    Nonce(Arc<str>),
    /// It was used before.
    Used,
    /// Too many are remembered to remember one more.
    Full,
}

/// The values by which an agent's assertion is told from all others.
#[derive(Debug, Clone)]
pub(crate) struct SingleUse {
    /// The key that signed it.
    pub(crate) credential: CredentialId,
    /// Its `jti`.
    pub(crate) id: Uuid,
    /// Its `exp`, in seconds since the epoch.
    pub(crate) expires_at: u64,
    /// Its `nonce`.
    pub(crate) nonce: Option<Box<str>>,
}

/// The assertions of agents that were used in this process and have not yet expired.
pub struct SpentAssertions {
    inner: Mutex<Spent>,
}

struct Spent {
    nonce: Arc<str>,
    /// The latest time at which one was used.
    latest: Timestamp,
    buckets: VecDeque<Bucket>,
}

/// Assertions that are forgotten together, once none of them could be accepted any more.
struct Bucket {
    forget_at: u64,
    ids: HashSet<(CredentialId, Uuid)>,
    counts: HashMap<CredentialId, usize>,
}

impl Default for SpentAssertions {
    /// None, under a new nonce.
    fn default() -> Self {
        Self { inner: Mutex::new(Spent::new(Timestamp::from_unix_seconds(0))) }
    }
}

impl Spent {
    fn new(latest: Timestamp) -> Self {
        let nonce = base64url::encode(&random::bytes::<NONCE_BYTES>()).into();
        Self { nonce, latest, buckets: VecDeque::new() }
    }

    /// Begins anew where the clock was set back by more than callers' clocks may differ: what was forgotten because it
    /// had expired could be accepted again otherwise.
    fn follow(&mut self, now: Timestamp) {
        if now.plus_seconds(CLOCK_SKEW_SECONDS_MAX) < self.latest {
            *self = Self::new(now);
        }
        self.latest = self.latest.max(now);
    }
}

impl SpentAssertions {
    /// The nonce that assertions must name.
    pub fn nonce(&self) -> Arc<str> {
        Arc::clone(&self.lock().nonce)
    }

    /// Uses an assertion that has been verified. Of any number of calls with the same id, one succeeds.
    pub(crate) fn spend(&self, now: Timestamp, assertion: &SingleUse) -> Result<(), Refused> {
        let SingleUse { credential, id, expires_at, ref nonce } = *assertion;
        let mut spent = self.lock();
        spent.follow(now);
        if nonce.as_deref() != Some(&*spent.nonce) {
            return Err(Refused::Nonce(Arc::clone(&spent.nonce)));
        }
        let (now, buckets) = (now.unix_seconds(), &mut spent.buckets);
        while buckets.front().is_some_and(|bucket| bucket.forget_at <= now) {
            buckets.pop_front();
        }
        if buckets.iter().any(|bucket| bucket.ids.contains(&(credential, id))) {
            return Err(Refused::Used);
        }
        let of_credential: usize = buckets.iter().filter_map(|bucket| bucket.counts.get(&credential)).sum();
        let total: usize = buckets.iter().map(|bucket| bucket.ids.len()).sum();
        if of_credential >= PER_CREDENTIAL_MAX || total >= TOTAL_MAX {
            return Err(Refused::Full);
        }
        let forget_at = forget_at(expires_at);
        let at = buckets.partition_point(|bucket| bucket.forget_at < forget_at);
        if buckets.get(at).is_none_or(|bucket| bucket.forget_at != forget_at) {
            buckets.insert(at, Bucket { forget_at, ids: HashSet::new(), counts: HashMap::new() });
        }
        let bucket = &mut buckets[at];
        bucket.ids.insert((credential, id));
        *bucket.counts.entry(credential).or_default() += 1;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first second, a multiple of [`BUCKET_SECONDS`], at which an assertion that expires then is
/// refused for its time alone. At most `(lifetime + 2 × skew) / width + 2` buckets exist at once.
fn forget_at(expires_at: u64) -> u64 {
    (expires_at.saturating_add(CLOCK_SKEW_SECONDS_MAX) / BUCKET_SECONDS + 1).saturating_mul(BUCKET_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_types::limits::AGENT_ASSERTION_LIFETIME_SECONDS;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const BUCKETS_MAX: u64 = (AGENT_ASSERTION_LIFETIME_SECONDS + 2 * CLOCK_SKEW_SECONDS_MAX) / BUCKET_SECONDS + 2;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn single_use(spent: &SpentAssertions, credential: u128, id: u128, expires_at: u64) -> SingleUse {
        let credential = CredentialId::new(Uuid::from_u128(credential));
        SingleUse { credential, id: Uuid::from_u128(id), expires_at, nonce: Some((*spent.nonce()).into()) }
    }

    fn spend(spent: &SpentAssertions, now: u64, credential: u128, id: u128, expires_at: u64) -> Result<(), Refused> {
        spent.spend(at(now), &single_use(spent, credential, id, expires_at))
    }

    #[test]
    fn ca_07_an_assertion_is_for_one_process() {
        let (before, after) = (SpentAssertions::default(), SpentAssertions::default());
        let assertion = single_use(&before, 1, 7, 1_060);
        assert_eq!(before.spend(at(1_000), &assertion), Ok(()));
        assert_eq!(after.spend(at(1_000), &assertion), Err(Refused::Nonce(after.nonce())));
        let unnamed = SingleUse { nonce: None, ..assertion };
        assert_eq!(after.spend(at(1_000), &unnamed), Err(Refused::Nonce(after.nonce())));
    }

    #[test]
    fn ca_07_a_clock_that_is_set_back_makes_no_assertion_new() {
        let spent = SpentAssertions::default();
        let used = single_use(&spent, 1, 7, 1_060);
        assert_eq!(spent.spend(at(1_000), &used), Ok(()));
        assert_eq!(spend(&spent, 90_000, 1, 8, 90_060), Ok(()), "the first is forgotten by now");
        assert!(matches!(spent.spend(at(1_000), &used), Err(Refused::Nonce(_))));
        assert_eq!(spend(&spent, 1_000, 1, 9, 1_060), Ok(()), "new ones count");
        assert_eq!(spend(&spent, 1_000 - CLOCK_SKEW_SECONDS_MAX, 1, 9, 1_060), Err(Refused::Used));
    }

    #[test]
    fn ca_07_of_a_hundred_replays_at_once_one_counts() {
        let spent = SpentAssertions::default();
        let successes = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    if spend(&spent, 1_000, 1, 7, 1_060).is_ok() {
                        successes.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(successes.into_inner(), 1);
    }

    #[test]
    fn ca_07_an_id_is_remembered_as_long_as_its_assertion_could_be_accepted() {
        for expires_at in 1_000..1_100 {
            let spent = SpentAssertions::default();
            let spend = |now, credential, expires_at| spend(&spent, now, credential, 7, expires_at);
            assert_eq!(spend(990, 1, expires_at), Ok(()));
            assert_eq!(spend(1_000, 1, expires_at + 90), Err(Refused::Used), "the same id in another assertion");
            assert_eq!(spend(expires_at + CLOCK_SKEW_SECONDS_MAX, 1, expires_at), Err(Refused::Used));
            assert_eq!(spend(expires_at + CLOCK_SKEW_SECONDS_MAX, 2, expires_at), Ok(()));
        }
    }

    #[test]
    fn ca_09_what_is_remembered_is_bounded() {
        let spent = SpentAssertions::default();
        let spend = |now, number: usize| spend(&spent, now, 1, number as u128, now + 60);
        for number in 0..PER_CREDENTIAL_MAX {
            assert_eq!(spend(1_000, number), Ok(()));
        }
        assert_eq!(spend(1_000, PER_CREDENTIAL_MAX), Err(Refused::Full));
        assert_eq!(super::tests::spend(&spent, 1_000, 2, 1, 1_060), Ok(()), "another's are its own");
        for now in (2_000..20_000).step_by(10) {
            assert_eq!(spend(now, usize::try_from(now).unwrap()), Ok(()));
            assert!(spent.lock().buckets.len() as u64 <= BUCKETS_MAX);
        }
    }
}
