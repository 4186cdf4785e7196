//! Time, chance and the world are arguments: nothing below the shell reads the clock or draws entropy.

use crate::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// A source of random bytes. An implementation that cannot deliver must stop the process: a
/// predictable id or key is worse than no service.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random GUID (version 4).
    fn guid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A random number below `end`, or 0 where that is 0: what many do at once is spread by it. No key and no id is
    /// made of it, for it is not exactly as likely as any other.
    fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes).checked_rem(end).unwrap_or(0)
    }

    /// A random part of a time, to the microsecond.
    fn part_of(&self, whole: Duration) -> Duration {
        Duration::from_micros(self.below(whole.as_micros().try_into().unwrap_or(u64::MAX)))
    }
}

/// The facts from outside that a pure function may know.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The present moment.
    pub now: Timestamp,
    /// The source of new ids.
    pub entropy: &'a dyn Entropy,
}
