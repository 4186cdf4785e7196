//! The counts and figures of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Violations that are told again at the end.
const SHOWN_MAX: usize = 20;

/// Least part of the cached tokens that are served while the process is there. Source: row AV-12.
const CACHED_SERVED_MIN: f64 = 0.9999;

/// The resident memory of the process under test, in MiB, which it must stay below: its budgets for requests and replies,
/// twice, and what it holds when idle, in a build without optimisation. Source: ours.
pub(super) const RESIDENT_MIB_MAX: u64 = 256;

/// The counts and figures so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    operations: BTreeMap<(&'static str, String), u64>,
    faults: BTreeMap<&'static str, FaultCount>,
    /// Each with how often it came; by their first lines they are told apart.
    violations: Vec<(String, usize)>,
    /// The numbers of those that came during the present fault.
    of_fault: BTreeSet<usize>,
    cached_served: u64,
    cached_failed: u64,
    first_cached_failure: Option<String>,
    last_cached: Option<Instant>,
    longest_without: Duration,
    resident_kib_max: u64,
    restarts: u64,
}

#[derive(Debug, Default)]
struct FaultCount {
    times: u64,
    violations: usize,
    slowest_recovery: Duration,
    skipped: Option<&'static str>,
}

impl Tally {
    /// An operation of a kind has ended.
    pub(super) fn operation(&mut self, kind: &'static str, outcome: String) {
        *self.operations.entry((kind, outcome)).or_default() += 1;
    }

    /// Counts a violation; the same again is told once.
    pub(super) fn violation(&mut self, text: String) {
        let known = self.violations.iter().position(|(known, _)| known.lines().next() == text.lines().next());
        self.of_fault.insert(known.unwrap_or(self.violations.len()));
        match known {
            Some(known) => self.violations[known].1 += 1,
            None => {
                println!("  VIOLATION {text}");
                self.violations.push((text, 1));
            }
        }
    }

    /// The number of different violations.
    pub(super) fn violations(&self) -> usize {
        self.violations.len()
    }

    pub(super) fn cached_token(&mut self, served: Result<(), String>, excused: bool) {
        match served {
            Ok(()) => {
                self.cached_served += 1;
                let gap = self.last_cached.replace(Instant::now()).map(|last| last.elapsed());
                self.longest_without = self.longest_without.max(gap.unwrap_or_default());
            }
            Err(_) if excused => {}
            Err(why) => {
                self.cached_failed += 1;
                self.first_cached_failure.get_or_insert(why);
            }
        }
    }

    /// A fault begins; violations count for it from now on.
    pub(super) fn begin_fault(&mut self) {
        self.of_fault.clear();
    }

    /// It has ended: the number of its violations.
    pub(super) fn end_fault(&mut self, name: &'static str, recovered_after: Duration) -> usize {
        let count = self.faults.entry(name).or_default();
        count.times += 1;
        count.violations += self.of_fault.len();
        count.slowest_recovery = count.slowest_recovery.max(recovered_after);
        self.of_fault.len()
    }

    pub(super) fn skipped(&mut self, name: &'static str, why: &'static str) {
        self.faults.entry(name).or_default().skipped = Some(why);
    }

    pub(super) fn restarted(&mut self) {
        self.restarts += 1;
    }

    pub(super) fn resident(&mut self, kib: u64) {
        self.resident_kib_max = self.resident_kib_max.max(kib);
    }

    /// The report; the figures that have a bound become violations when they miss it.
    pub(super) fn report(&mut self) -> String {
        let asked = self.cached_served + self.cached_failed;
        let served = self.cached_served as f64 / asked.max(1) as f64;
        if served < CACHED_SERVED_MIN {
            let first = self.first_cached_failure.clone().unwrap_or_default();
            self.violation(format!("{} of {asked} cached tokens were not served: {first}", self.cached_failed));
        }
        if self.resident_kib_max > RESIDENT_MIB_MAX * 1024 {
            self.violation(format!("{} KiB of memory, more than {RESIDENT_MIB_MAX} MiB", self.resident_kib_max));
        }
        let mut text = String::from("\n| fault | times | violations | slowest recovery |\n|---|---|---|---|\n");
        for (name, count) in &self.faults {
            let _ = match count.skipped {
                Some(why) => writeln!(text, "| {name} | skipped: {why} | | |"),
                None => writeln!(
                    text,
                    "| {name} | {} | {} | {:.2} s |",
                    count.times,
                    count.violations,
                    count.slowest_recovery.as_secs_f64()
                ),
            };
        }
        text += "\n| operation | outcome | count |\n|---|---|---|\n";
        for ((kind, outcome), count) in &self.operations {
            let _ = writeln!(text, "| {kind} | {outcome} | {count} |");
        }
        let operations: u64 = self.operations.values().sum();
        let _ = writeln!(
            text,
            "\n{operations} operations, {} restarts; cached tokens served: {} of {asked} ({:.3} %), longest time without one \
             {:.2} s; resident memory at most {} MiB",
            self.restarts,
            self.cached_served,
            served * 100.0,
            self.longest_without.as_secs_f64(),
            self.resident_kib_max / 1024,
        );
        for (violation, times) in self.violations.iter().take(SHOWN_MAX) {
            let _ = writeln!(text, "\nVIOLATION ({times} times) {violation}");
        }
        let _ = writeln!(text, "\n{} violations", self.violations());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn av_12_one_cached_token_of_ten_thousand_may_fail_and_no_more() {
        let violations = |failed: u64| {
            let mut tally = Tally::default();
            (0..10_000 - failed).for_each(|_| tally.cached_token(Ok(()), false));
            (0..failed).for_each(|_| tally.cached_token(Err("no answer".to_owned()), false));
            tally.cached_token(Err("excused".to_owned()), true);
            tally.report();
            tally.violations()
        };
        assert_eq!((violations(0), violations(1), violations(2)), (0, 0, 1));
    }

    #[test]
    fn a_violation_that_comes_again_is_counted_once_and_for_each_fault() {
        let mut tally = Tally::default();
        for _ in 0..2 {
            tally.begin_fault();
            (0..3).for_each(|at| tally.violation(format!("a token is in the log\n{at}")));
            assert_eq!(tally.end_fault("kill", Duration::ZERO), 1);
        }
        assert_eq!(tally.violations(), 1);
        assert!(tally.report().contains("| kill | 2 | 2 | 0.00 s |"));
    }
}
