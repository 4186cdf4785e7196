//! A token, and the bodies in which the dialects hand it out.

use crate::moment::Moment;
use crate::upstream::TokenFetch;
use bonafide_types::limits::CLOCK_SKEW_SECONDS_MAX;
use bonafide_types::{Audience, ClientId, Timestamp};
use bonafide_wire::token::TokenV1;
use bytes::Bytes;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Kinds of replies that a token keeps. Source: ours; each version of each dialect has one.
pub(crate) const REPLY_KINDS_MAX: usize = 16;

/// A token with the bodies of its replies, each rendered when it is first asked for.
pub(crate) struct Token {
    pub(crate) access_token: Box<str>,
    pub(crate) client_id: ClientId,
    /// As it was asked for.
    pub(crate) resource: Audience,
    pub(crate) expires_at: Timestamp,
    pub(crate) not_before: Timestamp,
    pub(crate) came_at: Timestamp,
    /// The end of its life in microseconds since the machine started, whatever its clock is set to.
    pub(crate) ends_since_boot: u64,
    /// Login's own figure: one second less than the whole life, and not counted down, as on Azure.
    pub(crate) ext_expires_in: u64,
    rendered: [OnceLock<Box<Rendered>>; REPLY_KINDS_MAX],
}

/// The place of a kind of reply among those that a token keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyKind(pub(crate) usize);

impl Token {
    /// Login's reply for `fetch`. `None` when its times are not numbers, and when it has expired already.
    pub(crate) fn new(fetch: &TokenFetch, token: &TokenV1, moment: Moment) -> Option<Self> {
        let Moment { now, since_boot } = moment;
        let seconds = |text: &str| text.parse::<u64>().ok();
        let expires_at = Timestamp::from_unix_seconds(seconds(&token.expires_on)?);
        // Login's figure, which no clock of this machine makes longer; login promises a second less than there is.
        let life = seconds(&token.expires_in)?.saturating_add(1).saturating_mul(1_000_000);
        let life = life.min(expires_at.unix_micros().saturating_sub(now.unix_micros()));
        let token = Self {
            access_token: token.access_token.as_str().into(),
            client_id: fetch.client_id,
            resource: fetch.audience.clone(),
            expires_at,
            not_before: Timestamp::from_unix_seconds(seconds(&token.not_before)?),
            came_at: now,
            ends_since_boot: since_boot.saturating_add(life),
            ext_expires_in: seconds(&token.ext_expires_in)?,
            rendered: Default::default(),
        };
        (token.seconds_left(now) > 0).then_some(token)
    }

    /// A token that was held before; its times are its end, its beginning, and when it came.
    pub(crate) fn given_back(
        access_token: Box<str>,
        client_id: ClientId,
        resource: &Audience,
        [expires_at, not_before, came_at]: [Timestamp; 3],
        ext_expires_in: u64,
        ends_since_boot: u64,
    ) -> Self {
        let (resource, rendered) = (resource.clone(), Default::default());
        Self {
            access_token,
            client_id,
            resource,
            expires_at,
            not_before,
            came_at,
            ends_since_boot,
            ext_expires_in,
            rendered,
        }
    }

    /// The body of a reply of this kind.
    pub(crate) fn body(&self, kind: ReplyKind, render: fn(&Self) -> Rendered, now: Timestamp) -> Bytes {
        let left = self.seconds_left(now);
        match self.rendered.get(kind.0) {
            Some(place) => place.get_or_init(|| Box::new(render(self))).body(left),
            None => render(self).body(left),
        }
    }

    /// Whole seconds until it expires.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> u64 {
        self.expires_at.unix_seconds().saturating_sub(now.unix_seconds())
    }

    /// True until it expires, and no longer where the clock is set back. Before its beginning it is not: it may have been
    /// issued by a clock that was ahead, and then nobody takes it.
    pub(crate) fn is_valid(&self, moment: Moment) -> bool {
        let Moment { now, since_boot } = moment;
        let begins = self.not_before.min(self.came_at);
        now < self.expires_at && since_boot < self.ends_since_boot && begins <= now.plus_seconds(CLOCK_SKEW_SECONDS_MAX)
    }
}

/// The body of a reply, rendered but for what changes by the second.
pub(crate) enum Rendered {
    /// It never changes.
    Fixed(Bytes),
    /// It holds the seconds that are left.
    Counting(Counting),
}

/// A body around the seconds that are left. Within a second it is the same for everybody, and made once.
pub(crate) struct Counting {
    before: Box<str>,
    after: Box<str>,
    latest: Mutex<(Option<u64>, Bytes)>,
}

impl Rendered {
    pub(crate) fn fixed(body: String) -> Self {
        Self::Fixed(Bytes::from(body))
    }

    /// A body with the number of seconds left between the two texts.
    pub(crate) fn counting(before: String, after: String) -> Self {
        Self::Counting(Counting { before: before.into(), after: after.into(), latest: Mutex::default() })
    }

    fn body(&self, seconds_left: u64) -> Bytes {
        match self {
            Self::Fixed(body) => body.clone(),
            Self::Counting(counting) => counting.body(seconds_left),
        }
    }
}

impl Counting {
    fn body(&self, seconds_left: u64) -> Bytes {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.0 != Some(seconds_left) {
            *latest = (Some(seconds_left), Bytes::from(format!("{}{seconds_left}{}", self.before, self.after)));
        }
        latest.1.clone()
    }
}

/// A text as JSON.
pub(crate) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
