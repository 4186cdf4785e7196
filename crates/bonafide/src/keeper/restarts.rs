//! The rule for starting again after a crash: soon, and not for ever.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// Crashes after which it is not started again, within [`WITHIN`]. Source: ours; systemd's own limit is five in 10 s.
pub(super) const CRASHES_MAX: usize = 5;
/// Time in which they are counted.
pub(super) const WITHIN: Duration = Duration::from_secs(60);
/// Pause before the second start after a crash; the first waits for nothing, and each later one twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest time that who connects waits for a start after a crash; then connections are refused until it serves. Source:
/// ours; metadata clients give up after a second or two.
pub(super) const DOWN_MAX: Duration = Duration::from_secs(2);
/// The exit code of a process that panicked. Source: Rust's standard library.
pub(crate) const PANICKED: u8 = 101;

/// True for an end that no process of ours means to have: a signal, or a panic.
pub(super) fn is_crash(end: ExitStatus) -> bool {
    end.code().is_none_or(|code| code == i32::from(PANICKED))
}

/// The crashes so far.
#[derive(Default)]
pub(super) struct Crashes(VecDeque<Instant>);

impl Crashes {
    /// The pause before the next start after one more crash; `None` when there were too many.
    pub(super) fn next(&mut self, now: Instant) -> Option<Duration> {
        self.0.retain(|at| now.duration_since(*at) < WITHIN);
        self.0.push_back(now);
        let before = u32::try_from(self.0.len()).unwrap_or(u32::MAX) - 1;
        match before {
            _ if self.0.len() >= CRASHES_MAX => None,
            0 => Some(Duration::ZERO),
            _ => Some(PAUSE * 2_u32.pow(before - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn pauses_grow_until_there_were_too_many_and_old_crashes_are_forgotten() {
        let start = Instant::now();
        let mut crashes = Crashes::default();
        let pauses: Vec<Option<u128>> = (0..5).map(|_| crashes.next(start).map(|pause| pause.as_millis())).collect();
        assert_eq!(pauses, [Some(0), Some(100), Some(200), Some(400), None]);
        assert_eq!(crashes.next(start + WITHIN), Some(Duration::ZERO));
    }

    #[test]
    fn a_signal_and_a_panic_are_crashes_and_an_exit_is_none() {
        for (end, crash) in [(0, false), (1 << 8, false), (101 << 8, true), (9, true), (11, true)] {
            assert_eq!(is_crash(ExitStatus::from_raw(end)), crash, "{end}");
        }
    }
}
