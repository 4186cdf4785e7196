//! Medians and tails.

use std::time::Duration;

/// The middle one of some figures; of an even number, the mean of the middle two. 0 for none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// Latencies, sorted.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that `per_mille` of a thousand do not exceed, in microseconds.
    pub(crate) fn micros(&self, per_mille: usize) -> f64 {
        let at = (self.0.len() * per_mille).div_ceil(1_000).saturating_sub(1);
        self.0.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }

    /// p50, p99 and the greatest, for people.
    pub(crate) fn summary(&self) -> String {
        let [half, tail, max] = [500, 990, 1_000].map(|per_mille| time(self.micros(per_mille)));
        format!("p50 {half}, p99 {tail}, max {max}")
    }
}

/// Microseconds with a fitting unit.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        micros if micros < 1_000.0 => format!("{micros:.1} µs"),
        micros if micros < 1_000_000.0 => format!("{:.2} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}
