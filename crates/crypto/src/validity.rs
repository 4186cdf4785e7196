//! The validity of the certificates that we write.

/// The time by which a certificate's validity precedes its issue, in seconds. Source: tolerated clock difference (5 minutes).
pub(crate) const CERTIFICATE_BACKDATE_SECONDS: u64 = 300;

/// The validity of a certificate, in Unix seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) not_before_seconds: u64,
    pub(crate) not_after_seconds: u64,
}

impl Validity {
    /// From now, and a little before for those whose clock is behind, for `lifetime_seconds`.
    pub(crate) fn starting(now_seconds: u64, lifetime_seconds: u64) -> Self {
        Self {
            not_before_seconds: now_seconds.saturating_sub(CERTIFICATE_BACKDATE_SECONDS),
            not_after_seconds: now_seconds.saturating_add(lifetime_seconds),
        }
    }
}
