//! The sources of time and chance.

use bonafide_crypto::SystemEntropy;
use bonafide_types::{Timestamp, World};
use std::time::{SystemTime, UNIX_EPOCH};

/// The moment of the call.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}

/// The world at the moment of the call.
pub fn world() -> World<'static> {
    world_at(now())
}

/// The world at a moment that was looked up before.
pub fn world_at(now: Timestamp) -> World<'static> {
    World { now, entropy: &SystemEntropy }
}
