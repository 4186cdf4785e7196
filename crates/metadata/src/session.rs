//! Sessions of a binding that wants them (MD-12): who cannot send a `PUT` with a header of its own, and read the answer, has
//! none. Nothing is kept of them but the key that they are made with.

use crate::refusal::Refusal;
use bonafide_crypto::mac::MacKey;
use bonafide_types::{Timestamp, World, base64url};
use bonafide_wire::{Reply, Request};
use http::StatusCode;

/// The path at which a session begins. Source: ours.
pub(crate) const PATH: &str = "/metadata/session";
/// The header with the life of a session, in seconds. Source: ours.
const LIFE: &str = "x-metadata-session-ttl-seconds";
/// The header with the session. Source: ours.
const SESSION: &str = "x-metadata-session";
/// Longest life, in seconds: six hours. Source: that of the sessions of Amazon's metadata service, version 2.
const LIFE_SECONDS_MAX: u64 = 21_600;

const EXPIRY_BYTES: usize = 8;
const NONCE_BYTES: usize = 16;
const TEXT_BYTES: usize = EXPIRY_BYTES + NONCE_BYTES;

/// The sessions of one binding.
pub(crate) struct Sessions(MacKey);

impl Sessions {
    pub(crate) fn new() -> Self {
        Self(MacKey::generate())
    }

    /// The reply that begins a session.
    pub(crate) fn begin(&self, request: &Request, world: &World<'_>) -> Result<Reply, Refusal> {
        let life = request.header(LIFE).and_then(|text| text.parse::<u64>().ok());
        let life = life.filter(|life| (1..=LIFE_SECONDS_MAX).contains(life)).ok_or(Refusal::SessionLife)?;
        let mut session = Vec::with_capacity(TEXT_BYTES + MacKey::TAG_BYTES);
        session.extend_from_slice(&world.now.plus_seconds(life).unix_seconds().to_be_bytes());
        let mut nonce = [0; NONCE_BYTES];
        world.entropy.fill(&mut nonce);
        session.extend_from_slice(&nonce);
        let tag = self.0.tag(&session);
        session.extend_from_slice(&tag);
        let reply = Reply::bytes(StatusCode::OK, "text/plain", base64url::encode(&session));
        Ok(reply.with(LIFE, &life.to_string()).with("cache-control", "no-store"))
    }

    /// True of a request of a session that is not over.
    pub(crate) fn has(&self, request: &Request, now: Timestamp) -> bool {
        let Some(session) = request.header(SESSION).and_then(|text| base64url::decode(text).ok()) else { return false };
        let Some((text, tag)) = session.split_at_checked(TEXT_BYTES) else { return false };
        let expiry = text.first_chunk::<EXPIRY_BYTES>().map(|bytes| u64::from_be_bytes(*bytes));
        self.0.is_tag(text, tag) && expiry.is_some_and(|expiry| now.unix_seconds() < expiry)
    }
}
