//! Running one test of this binary again as a child process, to kill it, count what it does, or
//! have a second process.

use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = "BONAFIDE_TEST_CHILD_DIRECTORY";

/// The test with this name in a process of its own, where `child_directory` gives `dir`.
pub(crate) fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(DIRECTORY, dir);
    command
}

/// The data directory, in a child; `None` in the parent.
pub(crate) fn child_directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}
