//! A clock that a test sets.

use super::{Up, up_command};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The clock of processes that a test starts.
pub(crate) struct Clock(PathBuf);

impl Clock {
    pub(crate) fn ahead(dir: &Path, seconds: i64) -> Self {
        let clock = Self(dir.join("clock"));
        clock.set(seconds);
        clock
    }

    /// Sets it to so many seconds after the true time, in one step.
    pub(crate) fn set(&self, seconds: i64) {
        let draft = self.0.with_extension("draft");
        std::fs::write(&draft, seconds.to_string()).unwrap();
        std::fs::rename(draft, &self.0).unwrap();
    }

    pub(crate) fn start(&self, dir: &Path) -> Up {
        Up::run(self.on(up_command(dir, &[])), dir)
    }

    pub(crate) fn on(&self, mut command: Command) -> Command {
        command.env("BONAFIDE_TEST_CLOCK", &self.0);
        command
    }
}
