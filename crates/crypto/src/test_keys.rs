//! Keys that the tests share: making an RSA key takes long.

use crate::{AgentKey, SelfSigned, SigningKey};
use std::sync::OnceLock;

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: u64 = 1_767_225_600;

pub(crate) const SPEC: SelfSigned<'static> =
    SelfSigned { common_name: "test", not_before_seconds: NOW, not_after_seconds: NOW + 86_400 };

pub(crate) fn rsa() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(&SPEC).unwrap())
}

pub(crate) fn other_rsa() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(&SPEC).unwrap())
}

pub(crate) fn p256() -> &'static AgentKey {
    static KEY: OnceLock<AgentKey> = OnceLock::new();
    KEY.get_or_init(|| AgentKey::generate().unwrap())
}
