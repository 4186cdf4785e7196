//! The life of a credential that is renewed.

use crate::Timestamp;

/// The time before which this program did not exist (2026-11-01T00:00:00Z), so that a clock that shows an earlier one is
/// wrong. Source: ours; set anew with each release, by hand, so that a build can be repeated.
pub const PROGRAM_MADE_AT: Timestamp = Timestamp::from_unix_seconds(1_793_491_200);

/// The first and the last moment at which a credential is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// The first.
    pub not_before: Timestamp,
    /// The last.
    pub not_after: Timestamp,
}

/// The use of a credential at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is valid for long enough.
    Fresh,
    /// It is valid, and time to renew it.
    Due,
    /// It is not valid: its end has passed, or its beginning has not come. A clock that was set does either, so
    /// that both call for a new one.
    Outside,
}

impl Lifetime {
    /// The phase at `now`, of a credential that is renewed so many seconds before its end.
    pub fn phase(self, now: Timestamp, renewed_seconds_before: u64) -> Phase {
        if now < self.not_before || self.not_after < now {
            Phase::Outside
        } else if self.not_after < now.plus_seconds(renewed_seconds_before) {
            Phase::Due
        } else {
            Phase::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ky_12_before_its_beginning_a_credential_is_as_useless_as_after_its_end() {
        let at = Timestamp::from_unix_seconds;
        let life = Lifetime { not_before: at(100), not_after: at(200) };
        for (now, phase) in [
            (0, Phase::Outside),
            (99, Phase::Outside),
            (100, Phase::Fresh),
            (160, Phase::Fresh),
            (161, Phase::Due),
            (200, Phase::Due),
            (201, Phase::Outside),
            (u64::MAX, Phase::Outside),
        ] {
            assert_eq!(life.phase(at(now), 40), phase, "{now}");
        }
    }
}
