//! The memory of the process under test, looked at all the time.

use super::super::processes::resident_kib;
use super::super::shared::Shared;
use super::pause;
use std::time::Duration;

const BETWEEN: Duration = Duration::from_millis(200);

/// Looks until the run is over.
pub(super) fn watch(shared: &Shared) {
    while pause(shared, BETWEEN) {
        shared.tally().resident(resident_kib(shared.process()));
    }
}
