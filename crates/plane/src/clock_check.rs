//! A clock that cannot be right: certificates and tokens that it times are refused elsewhere, now or later.

use bonafide_core::view::View;
use bonafide_types::limits::CLOCK_SKEW_SECONDS_MAX;
use bonafide_types::{PROGRAM_MADE_AT, Timestamp};

/// The reason why a clock cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImplausibleClock {
    /// This program did not exist then.
    #[error("the clock shows {}, a time before this program was made ({}): set the clock", .now.second(), PROGRAM_MADE_AT.second())]
    BeforeProgram {
        /// The time that it shows.
        now: Timestamp,
    },
    /// Something stored was made later.
    #[error(
        "the clock shows {}, and a host certificate was issued at {}: set the clock, or, if it was ahead then, wait or go on",
        .now.second(), .newest.second()
    )]
    BeforeNewest {
        /// The time that it shows.
        now: Timestamp,
        /// The time at which the newest of what is stored was made.
        newest: Timestamp,
    },
}

/// Tells whether the clock that shows `now` can be right, by what is stored.
pub(crate) fn check(view: &View, now: Timestamp) -> Result<(), ImplausibleClock> {
    let made = view.hosts().filter_map(|(_, host)| host.issued_at.max(host.joined_at));
    judge(now, made.max())
}

fn judge(now: Timestamp, newest: Option<Timestamp>) -> Result<(), ImplausibleClock> {
    if now < PROGRAM_MADE_AT {
        return Err(ImplausibleClock::BeforeProgram { now });
    }
    match newest.filter(|newest| now.plus_seconds(CLOCK_SKEW_SECONDS_MAX) < *newest) {
        Some(newest) => Err(ImplausibleClock::BeforeNewest { now, newest }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_08_a_clock_that_shows_what_cannot_be_is_named() {
        let made = PROGRAM_MADE_AT;
        let later = made.plus_seconds(1_000);
        let at = Timestamp::from_unix_seconds;
        assert_eq!(judge(made, None), Ok(()));
        assert_eq!(judge(made.plus_seconds(700), Some(later)), Ok(()), "clocks differ by five minutes");
        assert!(matches!(judge(made, Some(later)), Err(ImplausibleClock::BeforeNewest { .. })));
        assert!(matches!(judge(at(0), Some(later)), Err(ImplausibleClock::BeforeProgram { .. })));
        assert_eq!(judge(at(4_070_908_800), Some(later)), Ok(()), "2099: nothing says that it is wrong");
        let said = judge(at(0), None).unwrap_err().to_string();
        assert!(said.contains("1970-01-01T00:00:00Z") && said.contains("set the clock"), "{said}");
    }
}
