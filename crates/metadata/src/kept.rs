//! Tokens as they outlast the process: what the shell writes to a disk, sealed, and gives back at the next start.
//!
//! A token is given back with the life that it has left by both clocks of the machine. In the same run of the machine that is
//! exact, whatever its clock was set to meanwhile. After a restart of the machine there is only the clock: the life left is
//! no longer than at the last moment that is on record, so that a clock that was set back makes it longer by no more than
//! the machine was off, and what passed since that record.

use crate::agent::Agent;
use crate::cache::Wanted;
use crate::moment::micros;
use crate::token::Token;
use bonafide_types::{Audience, ClientId, ObjectId, ResourceUuid, Timestamp, World};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A token with whose it is and what it was asked for.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptToken {
    principal: ObjectId,
    client: ClientId,
    resource: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capabilities: Option<Box<str>>,
    token: Box<str>,
    expires_at: Timestamp,
    not_before: Timestamp,
    came_at: Timestamp,
    ext_expires_in: u64,
    ends_since_boot: u64,
}

/// A moment that is on record: in which run of the machine, and when by both of its clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptAt {
    /// The id of the run of the machine, which each start of it changes.
    pub boot: String,
    /// The time that its clock showed.
    pub now: Timestamp,
    /// The time since it started, in microseconds.
    pub since_boot: u64,
}

impl KeptAt {
    /// This moment.
    pub fn new(boot: &str, now: Timestamp, since_boot: Duration) -> Self {
        Self { boot: boot.to_owned(), now, since_boot: micros(since_boot) }
    }
}

impl KeptToken {
    /// The time since the start of the machine at which its life ends: it was `written` then, `seen` is the last moment on
    /// record, and it is `present`.
    fn ends_since_boot(&self, written: &KeptAt, seen: &KeptAt, present: &KeptAt) -> u64 {
        if written.boot == present.boot {
            return self.ends_since_boot;
        }
        let last = if seen.boot == written.boot { seen.since_boot.max(written.since_boot) } else { written.since_boot };
        let latest = present.now.max(written.now).max(seen.now);
        let by_clock = self.expires_at.unix_micros().saturating_sub(latest.unix_micros());
        present.since_boot.saturating_add(self.ends_since_boot.saturating_sub(last).min(by_clock))
    }
}

impl Agent {
    /// The tokens that a workload holds and that could be handed out now.
    pub fn kept(&self, workload: ResourceUuid, now: Timestamp) -> Vec<KeptToken> {
        let places = self.places();
        let Some(place) = places.get(&workload) else { return Vec::new() };
        let moment = self.moment(now);
        let held = place.tokens.all().into_iter().filter(|(.., token)| token.is_valid(moment));
        let kept = held.filter(|(principal, _, token)| place.placement.has(*principal, token.client_id));
        kept.map(|(principal, asked, token)| kept_token(principal, &asked, &token)).collect()
    }

    /// Takes tokens over that a workload held before: those of the identities that it has, that can be handed out still. The
    /// number of them.
    pub fn give_back(
        &self,
        workload: ResourceUuid,
        kept: Vec<KeptToken>,
        written: &KeptAt,
        seen: &KeptAt,
        present: &KeptAt,
        world: &World<'_>,
    ) -> usize {
        let places = self.places();
        let Some(place) = places.get(&workload) else { return 0 };
        self.look_at_clock(present.now, Duration::from_micros(present.since_boot));
        let moment = self.moment(present.now);
        let mut count = 0;
        for kept in kept.into_iter().filter(|kept| place.placement.has(kept.principal, kept.client)) {
            let Ok(audience) = Audience::parse(&kept.resource) else { continue };
            let ends_since_boot = kept.ends_since_boot(written, seen, present);
            let (principal, capabilities) = (kept.principal, kept.capabilities.clone());
            let token = Token::given_back(
                kept.token,
                kept.client,
                &audience,
                [kept.expires_at, kept.not_before, kept.came_at],
                kept.ext_expires_in,
                ends_since_boot,
            );
            if token.is_valid(moment) {
                let wanted = Wanted::new(principal, &audience, capabilities.as_deref());
                place.tokens.put_back(&wanted, token, world);
                count += 1;
            }
        }
        count
    }
}

fn kept_token(principal: ObjectId, asked: &str, token: &Arc<Token>) -> KeptToken {
    let (resource, capabilities) = Wanted::parts(asked);
    KeptToken {
        principal,
        client: token.client_id,
        resource: resource.into(),
        capabilities: capabilities.map(Into::into),
        token: token.access_token.clone(),
        expires_at: token.expires_at,
        not_before: token.not_before,
        came_at: token.came_at,
        ext_expires_in: token.ext_expires_in,
        ends_since_boot: token.ends_since_boot,
    }
}
