//! The nonce of the token service, which each assertion names.

use arc_swap::ArcSwapOption;
use std::sync::Arc;

/// The nonce that was heard of last. It comes with what is to run here, and with the refusal of an assertion that names
/// another.
#[derive(Default)]
pub struct LoginNonce(ArcSwapOption<String>);

impl LoginNonce {
    /// The nonce, once one was heard of.
    pub fn get(&self) -> Option<Arc<String>> {
        self.0.load_full()
    }

    /// Takes down the nonce that was heard of now.
    pub fn hear(&self, nonce: String) {
        self.0.store(Some(Arc::new(nonce)));
    }
}
