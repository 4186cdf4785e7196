//! A token, and the bodies in which the dialects hand it out.

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
    came_at: Timestamp,
    /// Login's own figure: one second less than the whole life, and not counted down, as on Azure.
    pub(crate) ext_expires_in: u64,
    rendered: [OnceLock<Box<Rendered>>; REPLY_KINDS_MAX],
}

/// The place of a kind of reply among those that a token keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyKind(pub(crate) usize);

impl Token {
    /// Login's reply for `fetch`. `None` when its times are not numbers, and when it has expired already.
    pub(crate) fn new(fetch: &TokenFetch, token: &TokenV1, now: Timestamp) -> Option<Self> {
        let seconds = |text: &str| text.parse::<u64>().ok();
        let expires_at = Timestamp::from_unix_seconds(seconds(&token.expires_on)?);
        let token = Self {
            access_token: token.access_token.as_str().into(),
            client_id: fetch.client_id,
            resource: fetch.audience.clone(),
            expires_at,
            not_before: Timestamp::from_unix_seconds(seconds(&token.not_before)?),
            came_at: now,
            ext_expires_in: seconds(&token.ext_expires_in)?,
            rendered: Default::default(),
        };
        (token.seconds_left(now) > 0).then_some(token)
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

    /// True until it expires, unless the clock was set back since it came, to before its beginning: it may have been issued
    /// by that clock, and then nobody takes it.
    pub(crate) fn is_valid(&self, now: Timestamp) -> bool {
        let begins = self.not_before.min(self.came_at);
        now < self.expires_at && begins <= now.plus_seconds(CLOCK_SKEW_SECONDS_MAX)
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
