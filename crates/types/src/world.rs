//! Time, chance and the world are arguments: nothing below the shell reads the clock or draws entropy.

use crate::Timestamp;
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
}

/// The facts from outside that a pure function may know.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The present moment.
    pub now: Timestamp,
    /// The source of new ids.
    pub entropy: &'a dyn Entropy,
}
