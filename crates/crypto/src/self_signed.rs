//! Self-signed certificates: what is to stand in one.

use crate::validity::Validity;

/// The contents of a self-signed certificate.
#[derive(Debug, Clone, Copy)]
pub struct SelfSigned<'a> {
    /// The subject's common name.
    pub common_name: &'a str,
    /// The start of its validity, in Unix seconds.
    pub not_before_seconds: u64,
    /// The end of its validity, in Unix seconds.
    pub not_after_seconds: u64,
}

impl<'a> SelfSigned<'a> {
    /// From now, and [`crate::validity::CERTIFICATE_BACKDATE_SECONDS`] before for those whose clock is behind, for
    /// `lifetime_seconds`.
    pub fn starting(common_name: &'a str, now_seconds: u64, lifetime_seconds: u64) -> Self {
        Self::valid(common_name, Validity::starting(now_seconds, lifetime_seconds))
    }

    /// The same for what is kept for years: valid whatever the clock says when it is made, and from the time on at which
    /// this program was made.
    pub fn lasting(common_name: &'a str, now_seconds: u64, lifetime_seconds: u64) -> Self {
        Self::valid(common_name, Validity::lasting(now_seconds, lifetime_seconds))
    }

    fn valid(common_name: &'a str, validity: Validity) -> Self {
        let Validity { not_before_seconds, not_after_seconds } = validity;
        Self { common_name, not_before_seconds, not_after_seconds }
    }
}
