//! The tokens that a workload holds, and the times at which each is to be refreshed.

use super::Wanted;
use crate::limits::TOKENS_PER_WORKLOAD_MAX;
use crate::moment::Moment;
use crate::token::Token;
use bonafide_types::{ObjectId, Timestamp, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A cached token with less life than this, in seconds, is not handed out while login answers.
/// Source: ours; long enough for the call that the token is for.
const TOKEN_MARGIN_SECONDS: u64 = 30;
/// Longest pause between two attempts to refresh a token in the background, in seconds. Source: ours.
const REFRESH_PAUSE_SECONDS_MAX: u64 = 60;

/// Tokens by identity and by what was asked. Ordered: most workloads hold one or two tokens, and for a handful
/// of keys comparing is cheaper than hashing.
#[derive(Default)]
pub(super) struct Held {
    tokens: BTreeMap<ObjectId, BTreeMap<Box<str>, Entry>>,
    count: usize,
}

/// A token that is held.
pub(super) struct Entry {
    pub(super) token: Arc<Token>,
    /// From when on it is refreshed in the background; after a failure, when to try again.
    refresh_at: Timestamp,
    /// From when on a new one is waited for, as long as login answers.
    late_at: Timestamp,
    /// Refreshes that failed since it came.
    failures: u32,
}

impl Entry {
    pub(super) fn new(token: Arc<Token>, world: &World<'_>) -> Self {
        // One that is given back after a restart is in the midst of its life.
        let began = token.came_at.min(world.now).unix_micros();
        let life = token.expires_at.unix_micros().saturating_sub(began);
        let margin = (TOKEN_MARGIN_SECONDS * 1_000_000).min(life / 10);
        // Up to a tenth before half of its life, so that tokens fetched together are not refreshed
        // together (OV-05).
        let refresh = life / 2 - world.entropy.below(life / 20);
        Self {
            refresh_at: Timestamp::from_unix_micros(began + refresh),
            late_at: Timestamp::from_unix_micros(began + life - margin),
            token,
            failures: 0,
        }
    }

    /// True when it is handed out without waiting: until it is late, and while login is failing until it expires.
    pub(super) fn is_good_enough(&self, moment: Moment) -> bool {
        let now = moment.now;
        let is_pausing = self.failures > 0 && now < self.refresh_at;
        self.token.is_valid(moment) && (now < self.late_at || is_pausing)
    }

    pub(super) fn is_refresh_due(&self, now: Timestamp) -> bool {
        now >= self.refresh_at
    }

    /// Puts the next refresh off, after one that failed.
    pub(super) fn pause(&mut self, world: &World<'_>) {
        let seconds = REFRESH_PAUSE_SECONDS_MAX.min(1 << self.failures.min(16));
        let micros = seconds * 1_000_000;
        self.failures += 1;
        let pause = micros - world.entropy.below(micros / 4);
        self.refresh_at = Timestamp::from_unix_micros(world.now.unix_micros() + pause);
    }
}

impl Held {
    pub(super) fn get(&self, wanted: &Wanted<'_>) -> Option<&Entry> {
        self.tokens.get(&wanted.principal)?.get(wanted.asked.as_ref())
    }

    pub(super) fn get_mut(&mut self, wanted: &Wanted<'_>) -> Option<&mut Entry> {
        self.tokens.get_mut(&wanted.principal)?.get_mut(wanted.asked.as_ref())
    }

    /// The tokens that are held, with whose each is.
    pub(super) fn all(&self) -> impl Iterator<Item = (ObjectId, &str, &Arc<Token>)> {
        self.tokens.iter().flat_map(|(principal, held)| {
            held.iter().map(move |(asked, entry)| (*principal, asked.as_ref(), &entry.token))
        })
    }

    pub(super) fn insert(&mut self, wanted: &Wanted<'_>, entry: Entry) {
        let held = self.tokens.entry(wanted.principal).or_default();
        self.count += usize::from(held.insert(wanted.asked.as_ref().into(), entry).is_none());
        if self.count > TOKENS_PER_WORKLOAD_MAX {
            self.evict();
        }
    }

    /// Makes room: the token that expires first goes.
    fn evict(&mut self) {
        let all =
            self.tokens.iter().flat_map(|(principal, held)| held.iter().map(move |(asked, e)| (principal, asked, e)));
        let first = all.min_by_key(|(.., entry)| entry.token.expires_at);
        let Some((principal, asked)) = first.map(|(principal, asked, _)| (*principal, asked.clone())) else { return };
        if let Some(held) = self.tokens.get_mut(&principal) {
            held.remove(&asked);
            self.count -= 1;
            if held.is_empty() {
                self.tokens.remove(&principal);
            }
        }
    }

    /// Drops the tokens of an identity.
    pub(super) fn remove_all_of(&mut self, principal: ObjectId) {
        self.count -= self.tokens.remove(&principal).map_or(0, |held| held.len());
    }

    /// Drops the tokens of identities that are not to be kept.
    pub(super) fn keep_only(&mut self, keep: impl Fn(ObjectId) -> bool) {
        self.tokens.retain(|principal, _| keep(*principal));
        self.count = self.tokens.values().map(BTreeMap::len).sum();
    }
}
