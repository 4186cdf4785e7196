//! The RSA keys of a first start. They take longer than all else that it makes, and how long is a matter of luck: so all
//! cores make some at once, while the rest is opened, and the first to be done are taken.

use bonafide_crypto::{RsaKey, SignError};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// The keys that a first start takes: the tenant's signing key and that of the operator's certificate.
const KEYS: usize = 2;
/// Threads that make keys, at most. Source: ours; more find little sooner.
const THREADS_MAX: usize = 8;

/// Key pairs in the making.
pub(crate) struct FirstKeys {
    made: Receiver<Result<RsaKey, SignError>>,
}

impl FirstKeys {
    /// Begins to make them.
    pub(crate) fn start() -> std::io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).clamp(1, THREADS_MAX);
        let (sender, made) = channel();
        let count = Arc::new(AtomicUsize::new(0));
        for number in 0..threads.max(KEYS) {
            let (sender, count) = (sender.clone(), Arc::clone(&count));
            thread::Builder::new().name(format!("key-{number}")).spawn(move || make(&sender, &count))?;
        }
        Ok(Self { made })
    }

    /// The next key pair. Waits for it.
    pub(crate) fn next(&self) -> Result<RsaKey, SignError> {
        // Each thread ends after it has sent one at least.
        self.made.recv().unwrap_or(Err(SignError::Generation))
    }
}

/// Makes keys until there are enough, whoever made them.
fn make(sender: &Sender<Result<RsaKey, SignError>>, count: &AtomicUsize) {
    while count.load(Ordering::Relaxed) < KEYS {
        let key = RsaKey::generate();
        count.fetch_add(1, Ordering::Relaxed);
        if sender.send(key).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_keys_as_a_first_start_takes() {
        let keys = FirstKeys::start().unwrap();
        assert!(keys.next().is_ok() && keys.next().is_ok());
    }
}
