//! A workload's tokens: those it holds and those on their way.
//!
//! The key is (identity, resource as asked, capabilities); the workload is the cache itself.

use crate::fault::Fault;
use crate::flight::{Flight, Landing, TokenFetch, UpstreamError};
use crate::token::Token;
use bonafide_types::limits::{
    METADATA_FLIGHTS_PER_WORKLOAD_MAX, METADATA_REFRESH_PAUSE_SECONDS_MAX, METADATA_TOKEN_MARGIN_SECONDS,
    METADATA_TOKENS_PER_WORKLOAD_MAX,
};
use bonafide_types::{Audience, ObjectId, Timestamp, World};
use bonafide_wire::token::TokenV1;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The tokens of one workload.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By identity and by what was asked. Ordered: most workloads hold one or two tokens, and to compare
    /// keys takes less than to hash them.
    held: BTreeMap<ObjectId, BTreeMap<Box<str>, Entry>>,
    held_count: usize,
    flights: HashMap<(ObjectId, Box<str>), Arc<Flight>>,
}

struct Entry {
    token: Arc<Token>,
    /// From when on it is refreshed in the background; after a failure, when to try again.
    refresh_at: Timestamp,
    /// From when on a new one is waited for, as long as login answers.
    late_at: Timestamp,
    /// Refreshes that failed since it came.
    failures: u32,
}

impl Entry {
    fn new(token: Arc<Token>, world: &World<'_>) -> Self {
        let now = world.now.unix_micros();
        let life = token.expires_at().unix_micros().saturating_sub(now);
        let margin = (METADATA_TOKEN_MARGIN_SECONDS * 1_000_000).min(life / 10);
        // Up to a tenth before half of its life, so that tokens fetched together are not refreshed
        // together (OV-05).
        let refresh = life / 2 - chance(world, life / 20);
        Self {
            refresh_at: Timestamp::from_unix_micros(now + refresh),
            late_at: Timestamp::from_unix_micros(now + life - margin),
            token,
            failures: 0,
        }
    }

    fn pause(&mut self, world: &World<'_>) {
        let seconds = METADATA_REFRESH_PAUSE_SECONDS_MAX.min(1 << self.failures.min(16));
        let micros = seconds * 1_000_000;
        self.failures += 1;
        self.refresh_at = Timestamp::from_unix_micros(world.now.unix_micros() + micros - chance(world, micros / 4));
    }
}

/// A number below `end`, or 0.
fn chance(world: &World<'_>, end: u64) -> u64 {
    let mut bytes = [0; 8];
    world.entropy.fill(&mut bytes);
    u64::from_le_bytes(bytes).checked_rem(end).unwrap_or(0)
}

/// What the cache has for a request.
pub(crate) enum Taken {
    /// A token; with it, perhaps, a flight that somebody must now lead.
    Hit(Arc<Token>, Option<Arc<Flight>>),
    /// A flight to wait for, and whether the caller must lead it.
    Wait(Arc<Flight>, bool),
}

impl Tokens {
    /// A token for `principal`, or the flight that will bring one. A held token is handed out
    /// without waiting until it is late, and while login is failing until it expires.
    pub(crate) fn take(&self, fetch: &Wanted<'_>, forced: bool, ahead: bool, now: Timestamp) -> Result<Taken, Fault> {
        let mut inner = self.lock();
        let held = inner.held.get(&fetch.principal).and_then(|held| held.get(fetch.asked.as_ref()));
        if let Some(entry) = held.filter(|entry| !forced && entry.token.is_valid(now)) {
            let pausing = entry.failures > 0 && now < entry.refresh_at;
            if now < entry.late_at || pausing {
                let token = Arc::clone(&entry.token);
                let refresh = ahead && now >= entry.refresh_at && !inner.flies(fetch);
                let flight = if refresh { inner.start_flight(fetch).ok() } else { None };
                return Ok(Taken::Hit(token, flight));
            }
        }
        match inner.flights.get(&fetch.key()) {
            Some(flight) => Ok(Taken::Wait(Arc::clone(flight), false)),
            None => inner.start_flight(fetch).map(|flight| Taken::Wait(flight, true)),
        }
    }

    /// A held token that has not expired, whatever life is left.
    pub(crate) fn still_valid(&self, fetch: &TokenFetch, now: Timestamp) -> Option<Arc<Token>> {
        let wanted = Wanted::from(fetch);
        let inner = self.lock();
        let entry = inner.held.get(&wanted.principal)?.get(wanted.asked.as_ref())?;
        entry.token.is_valid(now).then(|| Arc::clone(&entry.token))
    }

    /// Ends a flight: keeps its token, or remembers that it failed, as long as the identity is
    /// `placed` and the flight was not disowned since. Decided under the lock, because a change of
    /// the placement disowns under the same lock after it is in force.
    pub(crate) fn land(
        &self,
        fetch: &TokenFetch,
        flight: &Arc<Flight>,
        result: Result<TokenV1, UpstreamError>,
        placed: impl FnOnce() -> bool,
        world: &World<'_>,
    ) -> Landing {
        let landing: Landing = match result {
            Ok(token) => {
                Token::new(fetch, &token, world.now).map(Arc::new).ok_or_else(|| Arc::new(UpstreamError::Malformed))
            }
            Err(error) => Err(Arc::new(error)),
        };
        let wanted = Wanted::from(fetch);
        let mut inner = self.lock();
        if inner.disown(&wanted, flight) && placed() {
            match &landing {
                Ok(token) => inner.hold(&wanted, Entry::new(Arc::clone(token), world)),
                Err(error) if error.says_identity_is_gone() => inner.forget(wanted.principal),
                Err(_) => {
                    if let Some(entry) =
                        inner.held.get_mut(&wanted.principal).and_then(|held| held.get_mut(wanted.asked.as_ref()))
                    {
                        entry.pause(world);
                    }
                }
            }
        }
        landing
    }

    /// Ends a flight that nobody leads any more.
    pub(crate) fn abandon(&self, fetch: &TokenFetch, flight: &Arc<Flight>) {
        self.lock().disown(&Wanted::from(fetch), flight);
    }

    /// Drops the tokens of identities that are not to be kept, and disowns their flights.
    pub(crate) fn keep_only(&self, keep: impl Fn(ObjectId) -> bool) {
        let mut inner = self.lock();
        inner.held.retain(|principal, _| keep(*principal));
        inner.held_count = inner.held.values().map(BTreeMap::len).sum();
        inner.flights.retain(|(principal, _), _| keep(*principal));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn flies(&self, wanted: &Wanted<'_>) -> bool {
        self.flights.contains_key(&wanted.key())
    }

    fn start_flight(&mut self, wanted: &Wanted<'_>) -> Result<Arc<Flight>, Fault> {
        if self.flights.len() >= METADATA_FLIGHTS_PER_WORKLOAD_MAX {
            return Err(Fault::Throttled);
        }
        let flight = Flight::new();
        self.flights.insert(wanted.key(), Arc::clone(&flight));
        Ok(flight)
    }

    /// Takes a flight off the list; false when it is not on it any more.
    fn disown(&mut self, wanted: &Wanted<'_>, flight: &Arc<Flight>) -> bool {
        let key = wanted.key();
        let listed = self.flights.get(&key).is_some_and(|listed| Arc::ptr_eq(listed, flight));
        if listed {
            self.flights.remove(&key);
        }
        listed
    }

    fn hold(&mut self, wanted: &Wanted<'_>, entry: Entry) {
        let new = self.held.entry(wanted.principal).or_default().insert(wanted.asked.as_ref().into(), entry).is_none();
        self.held_count += usize::from(new);
        if self.held_count > METADATA_TOKENS_PER_WORKLOAD_MAX {
            self.evict();
        }
    }

    /// Makes room: the token that expires first goes.
    fn evict(&mut self) {
        let all =
            self.held.iter().flat_map(|(principal, held)| held.iter().map(move |(asked, e)| (*principal, asked, e)));
        let first = all.min_by_key(|(.., entry)| entry.token.expires_at());
        let Some((principal, asked)) = first.map(|(principal, asked, _)| (principal, asked.clone())) else { return };
        if let Some(held) = self.held.get_mut(&principal) {
            held.remove(&asked);
            self.held_count -= 1;
            if held.is_empty() {
                self.held.remove(&principal);
            }
        }
    }

    fn forget(&mut self, principal: ObjectId) {
        let gone = self.held.remove(&principal).map_or(0, |held| held.len());
        self.held_count -= gone;
    }
}

/// The key of a token.
pub(crate) struct Wanted<'a> {
    principal: ObjectId,
    asked: Cow<'a, str>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(principal: ObjectId, audience: &'a Audience, capabilities: Option<&str>) -> Self {
        let asked = match capabilities {
            None => Cow::Borrowed(audience.as_str()),
            // Neither side can hold a line break.
            Some(capabilities) => Cow::Owned(format!("{audience}\n{capabilities}")),
        };
        Self { principal, asked }
    }

    fn key(&self) -> (ObjectId, Box<str>) {
        (self.principal, self.asked.as_ref().into())
    }
}

impl<'a> From<&'a TokenFetch> for Wanted<'a> {
    fn from(fetch: &'a TokenFetch) -> Self {
        Self::new(fetch.principal, &fetch.audience, fetch.capabilities.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_types::Entropy;

    struct FixedEntropy;

    impl Entropy for FixedEntropy {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn id_06_a_token_is_kept_only_while_its_identity_is_placed() {
        let now = Timestamp::from_unix_seconds(1_795_253_405);
        let world = World { now, entropy: &FixedEntropy };
        let id = |kind: u8| format!("{kind:08x}-0000-4000-8000-000000000000");
        let fetch = TokenFetch {
            workload: id(1).parse().unwrap(),
            tenant: id(2).parse().unwrap(),
            principal: id(3).parse().unwrap(),
            client_id: id(4).parse().unwrap(),
            audience: Audience::parse("https://vault.azure.net").unwrap(),
            capabilities: None,
        };
        for placed in [false, true] {
            let tokens = Tokens::default();
            let Ok(Taken::Wait(flight, true)) = tokens.take(&Wanted::from(&fetch), false, true, now) else { panic!() };
            let token = TokenV1 {
                token_type: "Bearer".to_owned(),
                expires_in: "60".to_owned(),
                ext_expires_in: "60".to_owned(),
                expires_on: (now.unix_seconds() + 60).to_string(),
                not_before: now.unix_seconds().to_string(),
                resource: fetch.audience.to_string(),
                access_token: "t".to_owned(),
            };
            assert!(tokens.land(&fetch, &flight, Ok(token), || placed, &world).is_ok());
            assert_eq!(tokens.still_valid(&fetch, now).is_some(), placed);
        }
    }
}
