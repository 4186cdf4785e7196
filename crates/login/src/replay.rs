//! Assertions of agents are valid once. The agent and this replica are the only two that ever see one,
//! over the host's own connection, so remembering them here is enough (CA-07, CA-09).

use bonafide_types::limits::CLOCK_SKEW_SECONDS_MAX;
use bonafide_types::{CredentialId, Timestamp};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// Assertions of one credential that are remembered. Source: ours; a key signs one for each new
/// token, about ten a day for each resource.
const PER_CREDENTIAL_MAX: usize = 100_000;
/// Assertions that are remembered, of all credentials; about 64 MiB. Source: ours.
const TOTAL_MAX: usize = 1_000_000;
/// Width of a bucket, in seconds. Source: ours.
const BUCKET_SECONDS: u64 = 30;

/// The reason why an assertion cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It was used before.
    Used,
    /// Too many are remembered to remember one more.
    Full,
}

/// The assertions of agents that were used on this replica and have not yet expired.
#[derive(Default)]
pub struct SpentAssertions {
    buckets: Mutex<VecDeque<Bucket>>,
}

/// Assertions that are forgotten together, once none of them could be accepted any more.
struct Bucket {
    forget_at: u64,
    ids: HashSet<(CredentialId, Uuid)>,
    counts: HashMap<CredentialId, usize>,
}

impl SpentAssertions {
    /// Uses an assertion that has been verified and expires at `expires_at` (seconds since the
    /// epoch). Of any number of calls with the same id, one succeeds.
    pub(crate) fn spend(
        &self,
        now: Timestamp,
        credential: CredentialId,
        id: Uuid,
        expires_at: u64,
    ) -> Result<(), Refused> {
        let now = now.unix_seconds();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
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

    fn credential(number: u128) -> CredentialId {
        CredentialId::new(Uuid::from_u128(number))
    }

    #[test]
    fn ca_07_of_a_hundred_replays_at_once_one_counts() {
        let spent = SpentAssertions::default();
        let successes = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    if spent.spend(at(1_000), credential(1), Uuid::from_u128(7), 1_060).is_ok() {
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
            let spend = |now, expires_at| spent.spend(at(now), credential(1), Uuid::from_u128(7), expires_at);
            assert_eq!(spend(990, expires_at), Ok(()));
            assert_eq!(spend(expires_at + CLOCK_SKEW_SECONDS_MAX, expires_at), Err(Refused::Used));
            assert_eq!(spend(1_000, expires_at + 90), Err(Refused::Used), "the same id in another assertion");
            assert_eq!(spent.spend(at(1_000), credential(2), Uuid::from_u128(7), expires_at), Ok(()));
        }
    }

    #[test]
    fn ca_09_what_is_remembered_is_bounded() {
        let spent = SpentAssertions::default();
        let spend = |now, number: usize| spent.spend(at(now), credential(1), Uuid::from_u128(number as u128), now + 60);
        for number in 0..PER_CREDENTIAL_MAX {
            assert_eq!(spend(1_000, number), Ok(()));
        }
        assert_eq!(spend(1_000, PER_CREDENTIAL_MAX), Err(Refused::Full));
        assert_eq!(spent.spend(at(1_000), credential(2), Uuid::from_u128(1), 1_060), Ok(()), "another's are its own");
        for now in (2_000..20_000).step_by(10) {
            assert_eq!(spend(now, usize::try_from(now).unwrap()), Ok(()));
            assert!(spent.buckets.lock().unwrap().len() as u64 <= BUCKETS_MAX);
        }
    }
}
