//! A workload's tokens: those it holds, and those that login is being asked for.
//!
//! The key is (identity, resource as asked, capabilities); the workload is the cache itself.

mod held;
mod pending;

pub use pending::FetchDuty;
pub(crate) use pending::{Pending, Waiter};

use crate::limits::FETCHES_PER_WORKLOAD_MAX;
use crate::moment::Moment;
use crate::refusal::Refusal;
use crate::token::Token;
use crate::upstream::TokenFetch;
use bonafide_types::{Audience, ObjectId, World};
use held::{Entry, Held};
use pending::FetchOutcome;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The tokens of one workload.
pub(crate) struct Tokens {
    /// Fetches at once that callers wait for.
    fetches_at_once: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    held: Held,
    pending: HashMap<(ObjectId, Box<str>), Arc<Pending>>,
}

/// The way in which a token is wanted.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// A held token will not do.
    pub(crate) forced: bool,
    /// A held token is refreshed before it is late.
    pub(crate) ahead: bool,
}

/// The answer of the cache to a request.
pub(crate) enum Taken {
    /// A token; with it, perhaps, a refresh that the caller must now see to.
    Hit(Arc<Token>, Option<Arc<Pending>>),
    /// A fetch to wait for that others see to.
    Wait(Arc<Pending>),
    /// A fetch to wait for that the caller must see to.
    Fetch(Arc<Pending>),
}

impl Tokens {
    /// None yet; at most so many are fetched at once because callers wait.
    pub(crate) fn new(fetches_at_once: usize) -> Self {
        Self { fetches_at_once: fetches_at_once.clamp(1, FETCHES_PER_WORKLOAD_MAX), inner: Mutex::default() }
    }

    /// A token for `principal`, or the fetch that will bring one. A held token is handed out
    /// without waiting until it is late, and while login is failing until it expires. A request that `enter` does not let in,
    /// or for which no fetch can begin, uses up nothing.
    pub(crate) fn take(
        &self,
        wanted: &Wanted<'_>,
        how: How,
        moment: Moment,
        enter: impl FnOnce() -> Result<(), Refusal>,
    ) -> Result<Taken, Refusal> {
        let How { forced, ahead } = how;
        let mut inner = self.lock();
        if let Some(entry) = inner.held.get(wanted).filter(|entry| !forced && entry.is_good_enough(moment)) {
            enter()?;
            let token = Arc::clone(&entry.token);
            let refresh = ahead && entry.is_refresh_due(moment.now) && !inner.pending.contains_key(&wanted.key());
            let pending = if refresh { inner.start(wanted, false) } else { None };
            return Ok(Taken::Hit(token, pending));
        }
        if let Some(pending) = inner.pending.get(&wanted.key()) {
            enter()?;
            return Ok(Taken::Wait(Arc::clone(pending)));
        }
        let waited_for = inner.pending.values().filter(|pending| pending.is_waited_for).count();
        if waited_for >= self.fetches_at_once {
            return Err(Refusal::Throttled);
        }
        enter()?;
        inner.start(wanted, true).map(Taken::Fetch).ok_or(Refusal::Throttled)
    }

    /// A held token that has not expired, whatever life is left.
    pub(crate) fn still_valid(&self, fetch: &TokenFetch, moment: Moment) -> Option<Arc<Token>> {
        let inner = self.lock();
        let entry = inner.held.get(&Wanted::from(fetch))?;
        entry.token.is_valid(moment).then(|| Arc::clone(&entry.token))
    }

    /// Keeps the token of a fetch that ends, or remembers that it failed, as long as the identity `is_placed` and
    /// the fetch was not forgotten since. Decided under the lock, because a change of the placement forgets
    /// under the same lock after it is in force.
    fn record(
        &self,
        fetch: &TokenFetch,
        pending: &Arc<Pending>,
        outcome: &FetchOutcome,
        is_placed: impl FnOnce() -> bool,
        world: &World<'_>,
    ) {
        let wanted = Wanted::from(fetch);
        let mut inner = self.lock();
        if !(inner.forget(&wanted, pending) && is_placed()) {
            return;
        }
        match outcome {
            Ok(token) => inner.held.insert(&wanted, Entry::new(Arc::clone(token), world)),
            Err(error) if error.says_identity_is_gone() => inner.held.remove_all_of(wanted.principal),
            Err(_) => {
                if let Some(entry) = inner.held.get_mut(&wanted) {
                    entry.pause(world);
                }
            }
        }
    }

    /// The tokens that are held: whose each is, as what it was asked for, and the token.
    pub(crate) fn all(&self) -> Vec<(ObjectId, Box<str>, Arc<Token>)> {
        let inner = self.lock();
        inner.held.all().map(|(principal, asked, token)| (principal, asked.into(), Arc::clone(token))).collect()
    }

    /// Takes a token over that was held before, unless a newer one is.
    pub(crate) fn put_back(&self, wanted: &Wanted<'_>, token: Token, world: &World<'_>) {
        let mut inner = self.lock();
        if inner.held.get(wanted).is_none() {
            inner.held.insert(wanted, Entry::new(Arc::new(token), world));
        }
    }

    /// Takes a fetch off the list whose duty was given up.
    fn forget_pending(&self, fetch: &TokenFetch, pending: &Arc<Pending>) {
        self.lock().forget(&Wanted::from(fetch), pending);
    }

    /// Drops the tokens of identities that are not to be kept, and forgets their fetches.
    pub(crate) fn keep_only(&self, keep: impl Fn(ObjectId) -> bool) {
        let mut inner = self.lock();
        inner.held.keep_only(&keep);
        inner.pending.retain(|(principal, _), _| keep(*principal));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// A new fetch, unless there are [`FETCHES_PER_WORKLOAD_MAX`].
    fn start(&mut self, wanted: &Wanted<'_>, is_waited_for: bool) -> Option<Arc<Pending>> {
        if self.pending.len() >= FETCHES_PER_WORKLOAD_MAX {
            return None;
        }
        let pending = Pending::new(is_waited_for);
        self.pending.insert(wanted.key(), Arc::clone(&pending));
        Some(pending)
    }

    /// Takes a fetch off the list; false when it is not on it any more.
    fn forget(&mut self, wanted: &Wanted<'_>, pending: &Arc<Pending>) -> bool {
        let key = wanted.key();
        let is_listed = self.pending.get(&key).is_some_and(|listed| Arc::ptr_eq(listed, pending));
        if is_listed {
            self.pending.remove(&key);
        }
        is_listed
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

    /// Resource and capabilities, of the text that [`Wanted::new`] makes of them.
    pub(crate) fn parts(asked: &str) -> (&str, Option<&str>) {
        asked.split_once('\n').map_or((asked, None), |(audience, capabilities)| (audience, Some(capabilities)))
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
    use bonafide_types::{Entropy, Timestamp};
    use bonafide_wire::token::TokenV1;

    struct FixedEntropy;

    impl Entropy for FixedEntropy {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn id_06_a_token_is_kept_only_while_its_identity_is_placed() {
        let now = Timestamp::from_unix_seconds(1_795_253_405);
        let moment = Moment { now, since_boot: 0 };
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
            let tokens = Arc::new(Tokens::new(5));
            let how = How { forced: false, ahead: true };
            let Ok(Taken::Fetch(pending)) = tokens.take(&Wanted::from(&fetch), how, moment, || Ok(())) else {
                panic!()
            };
            let token = TokenV1 {
                token_type: "Bearer".to_owned(),
                expires_in: "60".to_owned(),
                ext_expires_in: "60".to_owned(),
                expires_on: (now.unix_seconds() + 60).to_string(),
                not_before: now.unix_seconds().to_string(),
                resource: fetch.audience.to_string(),
                access_token: "t".to_owned(),
            };
            assert!(FetchDuty::new(fetch.clone(), pending, &tokens).finish(Ok(token), || placed, &world, moment));
            assert_eq!(tokens.still_valid(&fetch, moment).is_some(), placed);
        }
    }
}
