//! The validity of the certificates that we write.

use bonafide_types::{Lifetime, PROGRAM_MADE_AT, Timestamp};

/// The time by which a certificate's validity precedes its issue, in seconds (a day). Source: ours; a clock that was set
/// to local time is off by 14 hours at most, and clocks of two machines differ by less.
pub const CERTIFICATE_BACKDATE_SECONDS: u64 = 86_400;

/// The validity of a certificate, in Unix seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) not_before_seconds: u64,
    pub(crate) not_after_seconds: u64,
}

impl Validity {
    /// From now, and a day before for those whose clock is behind, for `lifetime_seconds`.
    pub(crate) fn starting(now_seconds: u64, lifetime_seconds: u64) -> Self {
        Self::around(now_seconds, now_seconds, lifetime_seconds)
    }

    /// The same for what is made once and kept for years: whatever the clock says at that time, it is valid at every time
    /// at which this program can run. A clock that was ahead, or at 1970, can be set right afterwards.
    pub(crate) fn lasting(now_seconds: u64, lifetime_seconds: u64) -> Self {
        let made_seconds = PROGRAM_MADE_AT.unix_seconds();
        Self::around(now_seconds.min(made_seconds), now_seconds.max(made_seconds), lifetime_seconds)
    }

    /// The life of what is valid so.
    pub(crate) fn lifetime(self) -> Lifetime {
        let at = Timestamp::from_unix_seconds;
        Lifetime { not_before: at(self.not_before_seconds), not_after: at(self.not_after_seconds) }
    }

    fn around(from_seconds: u64, until_seconds: u64, lifetime_seconds: u64) -> Self {
        Self {
            not_before_seconds: from_seconds.saturating_sub(CERTIFICATE_BACKDATE_SECONDS),
            not_after_seconds: until_seconds.saturating_add(lifetime_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 365 * 86_400;

    #[test]
    fn ky_12_what_lasts_is_valid_at_the_right_time_whatever_the_clock_said() {
        let made = PROGRAM_MADE_AT.unix_seconds();
        for now in [0, made - YEAR, made, made + YEAR, made + 73 * YEAR] {
            let validity = Validity::lasting(now, YEAR);
            for right in [made, made + YEAR] {
                assert!((validity.not_before_seconds..=validity.not_after_seconds).contains(&right), "{now} {right}");
            }
        }
    }
}
